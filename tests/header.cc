/* For the precompiled header alone: see CMakeLists.txt. */
int main()
{
    return 0;
}
