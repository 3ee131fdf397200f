// Does to files what its arguments say, one after the other, and then ends as by a power cut: what the power cut library is tried
// with. All paths are relative to the working directory.
//
//   make PATH          an empty file            append PATH TEXT    open, write at the end, close
//   put PATH AT TEXT   write at an offset       cut PATH SIZE       change the size
//   sync PATH          a file or a directory    rename PATH PATH    remove PATH        directory PATH

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int opened(const char *path, int flags) {
    int file = open(path, flags | O_CLOEXEC, 0600);
    if (file < 0) {
        perror(path);
        exit(1);
    }
    return file;
}

static void expect(int result, const char *step) {
    if (result >= 0) return;
    perror(step);
    exit(1);
}

int main(int count, char **arguments) {
    for (int index = 1; index < count;) {
        const char *step = arguments[index++];
        const char *operands[3] = {0};
        int wanted = !strcmp(step, "put") ? 3 : !strcmp(step, "append") || !strcmp(step, "cut") || !strcmp(step, "rename") ? 2 : 1;
        for (int operand = 0; operand < wanted; operand++) {
            if (index == count) return 2;
            operands[operand] = arguments[index++];
        }
        const char *path = operands[0];
        if (!strcmp(step, "make")) {
            close(opened(path, O_WRONLY | O_CREAT | O_EXCL));
        } else if (!strcmp(step, "append")) {
            int file = opened(path, O_WRONLY | O_APPEND);
            expect((int)write(file, operands[1], strlen(operands[1])), step);
            close(file);
        } else if (!strcmp(step, "put")) {
            int file = opened(path, O_WRONLY);
            expect((int)pwrite(file, operands[2], strlen(operands[2]), atol(operands[1])), step);
            close(file);
        } else if (!strcmp(step, "cut")) {
            int file = opened(path, O_WRONLY);
            expect(ftruncate(file, atol(operands[1])), step);
            close(file);
        } else if (!strcmp(step, "sync")) {
            int file = opened(path, O_RDONLY);
            expect(fsync(file), step);
            close(file);
        } else if (!strcmp(step, "rename")) {
            expect(rename(path, operands[1]), step);
        } else if (!strcmp(step, "remove")) {
            expect(unlink(path), step);
        } else if (!strcmp(step, "directory")) {
            expect(mkdir(path, 0700), step);
        } else {
            return 2;
        }
    }
    raise(SIGKILL);
}
