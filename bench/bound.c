/*
 * What this machine can give at most: a FUSE server that passes each READ on as one GET, and does nothing else. It keeps
 * no content, checks none, and takes names and sizes from the origin's own directory, at no cost. Each thread reads requests
 * of the kernel and has one connection. The messages: /usr/include/linux/fuse.h
 *
 * Usage: bound MOUNTPOINT ROOT PORT THREADS; with port 0, READ is answered from memory that is always warm. Takes root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { REQUEST_BYTES = 64 << 10, READ_BYTES = 1 << 20, HEAD_BYTES = 4 << 10, PAGE = 4096, TTL_S = 3600, NODES = 1 << 20 };
/* A file up to this size comes with its OPEN, as in the mount. */
enum { SMALL_BYTES = 32 << 10 };

struct node {
    char *path;
    uint64_t size;
    uint32_t mode;
};
struct server {
    int connection;
    char request[REQUEST_BYTES] __attribute__((aligned(8)));
    char response[HEAD_BYTES + READ_BYTES];
};

static int device, port;
static const char *root;
static struct node nodes[NODES] = { [FUSE_ROOT_ID] = { .path = "", .mode = S_IFDIR | 0555 } };
static atomic_ulong last_node = FUSE_ROOT_ID;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void reply(uint64_t unique, int error, const void *payload, size_t bytes)
{
    struct fuse_out_header header = { .len = sizeof header + bytes, .error = error, .unique = unique };
    struct iovec parts[] = { { &header, sizeof header }, { (void *)payload, bytes } };
    if (writev(device, parts, 2) < 0 && errno != ENOENT)
        perror("writev");
}

static void connect_to_origin(struct server *server)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int on = 1;
    server->connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(server->connection, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    setsockopt(server->connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* One ranged GET on the thread's connection: the body, which is all of the range. */
static const char *get(struct server *server, const char *path, uint64_t offset, size_t bytes)
{
    char request[HEAD_BYTES], *end = NULL;
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bound\r\nRange: bytes=%llu-%llu\r\n\r\n", path,
                          (unsigned long long)offset, (unsigned long long)(offset + bytes - 1));
    size_t got = 0;
    if (port == 0)
        return server->response;
    if (send(server->connection, request, length, MSG_NOSIGNAL) != length)
        fail("send");
    for (;;) {
        ssize_t more = recv(server->connection, server->response + got, sizeof server->response - got, 0);
        if (more <= 0)
            fail("recv");
        got += more;
        if (end == NULL && (end = memmem(server->response, got, "\r\n\r\n", 4)) != NULL && strncmp(server->response + 9, "206", 3) != 0)
            fail("status");
        if (end != NULL && got >= (size_t)(end + 4 - server->response) + bytes)
            return end + 4;
    }
}

static struct fuse_attr attr_of(uint64_t id)
{
    return (struct fuse_attr){ .ino = id, .size = nodes[id].size, .mode = nodes[id].mode, .nlink = 1, .blksize = PAGE };
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

static void lookup(uint64_t unique, uint64_t parent, const char *name)
{
    struct node found;
    struct stat stat;
    char *path;
    if (asprintf(&path, "%s%s/%s", root, nodes[parent].path, name) < 0 || lstat(path, &stat) != 0) {
        reply(unique, -ENOENT, NULL, 0);
        return;
    }
    found = (struct node){ path + strlen(root), stat.st_size, S_ISDIR(stat.st_mode) ? S_IFDIR | 0555 : S_IFREG | 0444 };
    uint64_t id = atomic_fetch_add(&last_node, 1) + 1;
    nodes[id] = found;
    struct fuse_entry_out entry = { .nodeid = id, .entry_valid = TTL_S, .attr_valid = TTL_S, .attr = attr_of(id) };
    reply(unique, 0, &entry, sizeof entry);
}

/* The content of a small file goes into the page cache before the reply, so that no READ follows. */
static void open_file(struct server *server, uint64_t unique, uint64_t id)
{
    struct fuse_open_out opened = { .open_flags = FOPEN_KEEP_CACHE };
    size_t bytes = nodes[id].size;
    if (port != 0 && bytes <= SMALL_BYTES) {
        struct fuse_notify_store_out store = { .nodeid = id, .size = bytes };
        struct fuse_out_header header = { .len = sizeof header + sizeof store + bytes, .error = FUSE_NOTIFY_STORE };
        const char *body = get(server, nodes[id].path, 0, bytes);
        struct iovec parts[] = { { &header, sizeof header }, { &store, sizeof store }, { (void *)body, bytes } };
        if (writev(device, parts, 3) < 0)
            perror("store");
    }
    reply(unique, 0, &opened, sizeof opened);
}

static void read_file(struct server *server, uint64_t unique, uint64_t id, const struct fuse_read_in *requested)
{
    uint64_t left = requested->offset < nodes[id].size ? nodes[id].size - requested->offset : 0;
    size_t bytes = requested->size < left ? requested->size : left;
    reply(unique, 0, bytes == 0 ? NULL : get(server, nodes[id].path, requested->offset, bytes), bytes);
}

static void answer(struct server *server, const struct fuse_in_header *header, const void *body)
{
    struct fuse_attr_out attr = { .attr_valid = TTL_S, .attr = attr_of(header->nodeid < NODES ? header->nodeid : 0) };
    switch (header->opcode) {
    case FUSE_INIT: init(header->unique, body); break;
    case FUSE_LOOKUP: lookup(header->unique, header->nodeid, body); break;
    case FUSE_GETATTR: reply(header->unique, 0, &attr, sizeof attr); break;
    case FUSE_OPEN: open_file(server, header->unique, header->nodeid); break;
    case FUSE_READ: read_file(server, header->unique, header->nodeid, body); break;
    case FUSE_RELEASE: reply(header->unique, 0, NULL, 0); break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT: break;
    default: reply(header->unique, -ENOSYS, NULL, 0);
    }
}

static void *serve(void *unused)
{
    struct server *server = calloc(1, sizeof *server);
    memset(server->response, 'd', sizeof server->response);
    if (port != 0)
        connect_to_origin(server);
    for (;;) {
        ssize_t bytes = read(device, server->request, sizeof server->request);
        if (bytes < 0 && errno == ENODEV)
            exit(0);
        if (bytes >= (ssize_t)sizeof(struct fuse_in_header))
            answer(server, (struct fuse_in_header *)server->request, server->request + sizeof(struct fuse_in_header));
    }
    return unused;
}

int main(int count, char **arguments)
{
    char options[128];
    if (count != 5) {
        fprintf(stderr, "usage: %s MOUNTPOINT ROOT PORT THREADS\n", arguments[0]);
        return 2;
    }
    root = arguments[2];
    port = atoi(arguments[3]);
    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
    if (device < 0 || mount("bound", arguments[1], "fuse.bound", MS_RDONLY | MS_NOSUID | MS_NODEV, options) != 0)
        fail(arguments[1]);
    for (int i = 1; i < atoi(arguments[4]); i += 1)
        pthread_create(&(pthread_t){ 0 }, NULL, serve, NULL);
    serve(NULL);
}
