/*
 * The least that any server does: answers READ from memory that is always warm, one thread, and nothing else.
 * What it reaches is what the kernel and the machine leave to be reached. Every name without a dot is a
 * directory, every other one a file of FILE_BYTES. The messages: /usr/include/linux/fuse.h
 *
 * Usage: null-server MOUNTPOINT FILE_BYTES; prints a line once it is mounted. Takes root.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { REQUEST_BYTES = 64 << 10, READ_BYTES = 1 << 20, PAGE = 4096, TTL_S = 60, FILE_ID = FUSE_ROOT_ID + 1 };

static int device;
static uint64_t file_bytes;
static char content[READ_BYTES];

static void reply(uint64_t unique, int error, void *payload, size_t bytes)
{
    struct fuse_out_header header = { .len = sizeof header + bytes, .error = error, .unique = unique };
    struct iovec parts[] = { { &header, sizeof header }, { payload, bytes } };
    if (writev(device, parts, 2) < 0 && errno != ENOENT)
        perror("writev");
}

static struct fuse_attr attr_of(uint64_t id)
{
    if (id != FILE_ID)
        return (struct fuse_attr){ .ino = id, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = PAGE };
    return (struct fuse_attr){ .ino = id, .size = file_bytes, .mode = S_IFREG | 0444, .nlink = 1, .blksize = PAGE };
}

static void init(uint64_t unique, const struct fuse_init_in *requested)
{
    struct fuse_init_out agreed = {
        .major = FUSE_KERNEL_VERSION,
        .minor = requested->minor < FUSE_KERNEL_MINOR_VERSION ? requested->minor : FUSE_KERNEL_MINOR_VERSION,
        .max_readahead = 4 << 20,
        .flags = requested->flags & (FUSE_ASYNC_READ | FUSE_MAX_PAGES | FUSE_PARALLEL_DIROPS),
        .max_background = 64,
        .congestion_threshold = 64,
        .max_write = PAGE,
        .max_pages = READ_BYTES / PAGE,
    };
    reply(unique, 0, &agreed, sizeof agreed);
}

static void lookup(uint64_t unique, const char *name)
{
    static uint64_t last_directory = FILE_ID;
    uint64_t id = strchr(name, '.') ? FILE_ID : ++last_directory;
    struct fuse_entry_out entry = { .nodeid = id, .entry_valid = TTL_S, .attr_valid = TTL_S, .attr = attr_of(id) };
    reply(unique, 0, &entry, sizeof entry);
}

static void read_file(uint64_t unique, const struct fuse_read_in *requested)
{
    uint64_t left = requested->offset < file_bytes ? file_bytes - requested->offset : 0;
    reply(unique, 0, content, requested->size < left ? requested->size : left);
}

static void answer(struct fuse_in_header *header, void *body)
{
    struct fuse_attr_out attr = { .attr_valid = TTL_S, .attr = attr_of(header->nodeid) };
    struct fuse_open_out open = { .open_flags = FOPEN_KEEP_CACHE };
    switch (header->opcode) {
    case FUSE_INIT: init(header->unique, body); break;
    case FUSE_LOOKUP: lookup(header->unique, body); break;
    case FUSE_GETATTR: reply(header->unique, 0, &attr, sizeof attr); break;
    case FUSE_OPEN: reply(header->unique, 0, &open, sizeof open); break;
    case FUSE_READ: read_file(header->unique, body); break;
    case FUSE_RELEASE: reply(header->unique, 0, NULL, 0); break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT: break;
    default: reply(header->unique, -ENOSYS, NULL, 0);
    }
}

int main(int count, char **arguments)
{
    static char request[REQUEST_BYTES] __attribute__((aligned(8)));
    char options[128];
    if (count != 3) {
        fprintf(stderr, "usage: %s MOUNTPOINT FILE_BYTES\n", arguments[0]);
        return 2;
    }
    file_bytes = strtoull(arguments[2], NULL, 10);
    memset(content, 'd', sizeof content);
    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
    if (device < 0 || mount("null-server", arguments[1], "fuse.null-server", MS_RDONLY | MS_NOSUID | MS_NODEV, options) != 0) {
        perror(arguments[1]);
        return 1;
    }
    puts("mounted");
    fflush(stdout);
    for (;;) {
        ssize_t bytes = read(device, request, sizeof request);
        if (bytes < 0 && errno == ENODEV)
            return 0;
        if (bytes >= (ssize_t)sizeof(struct fuse_in_header))
            answer((struct fuse_in_header *)request, request + sizeof(struct fuse_in_header));
    }
}
