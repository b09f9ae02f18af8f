/* Work on files beside the log, in turns: see files.h. */
#include "node/files.h"

#include <assert.h>

void files_ask(struct files *files, enum files_user user, const struct node_file *file)
{
    assert(user < FILES_USER_COUNT && !files->asked[user]);
    files->asked[user] = true;
    files->wanted[user] = *file;
}

void files_next(struct files *files, struct node_effects *effects)
{
    if (files->busy)
        return;
    for (int i = 0; i < FILES_USER_COUNT; i++) {
        uint8_t user = (uint8_t)((files->turn + i) % FILES_USER_COUNT);
        if (!files->asked[user])
            continue;
        files->busy = true;
        files->busy_for = user;
        files->turn = (uint8_t)((user + 1) % FILES_USER_COUNT);
        files->wanted[user].id = ++files->id;
        effects->file_wanted = true;
        effects->file = files->wanted[user];
        return;
    }
}

struct file_done files_take(struct files *files, const struct node_event *event)
{
    assert(files->busy && event->id == files->id);
    enum files_user user = (enum files_user)files->busy_for;
    files->busy = false;
    files->asked[user] = false;
    return (struct file_done){
            .user = user,
            .file = files->wanted[user],
            .failed = event->failed,
            .bytes = event->bytes,
            .count = event->count,
    };
}

void files_check(const struct files *files)
{
    assert(files->turn < FILES_USER_COUNT);
    if (files->busy)
        assert(files->asked[files->busy_for]);
}
