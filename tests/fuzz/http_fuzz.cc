/* The head of an HTTP request: whatever comes, what is read lies within it. */
#include "mirror.h"
#include "ops/http_request.h"

namespace {

bool within(struct span part, const uint8_t *data, size_t size)
{
    return part.count > 0 && part.bytes >= data && part.bytes + part.count <= data + size;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_request request;
    struct span head = {data, static_cast<uint32_t>(size)};
    int status = http_request_read(head, &request);
    fuzz::require(status == 200 || status == 400 || status == 505, "a known status");
    if (status != 200)
        return 0;
    fuzz::require(within(request.method, data, size), "the method is in the request");
    fuzz::require(within(request.path, data, size), "the path is in the request");
    fuzz::require(request.path.bytes[0] == '/', "a path begins with a slash");
    return 0;
}
