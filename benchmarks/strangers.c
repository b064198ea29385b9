/* Datagrams of a file from forged sources (198.18.0.0/15, any port), so many a second:
 * `strangers FILE RECORD_BYTES ADDRESS PORT A_SECOND`, until SIGTERM. Needs a raw socket. Says how many it sent in what
 * time. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <fcntl.h>

enum { BATCH = 64 };

static volatile sig_atomic_t is_over;

static void end(int signal)
{
    is_over = signal;
}

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **words)
{
    if (count < 6)
        return 2;
    static struct { struct iphdr ip; struct udphdr udp; } heads[BATCH];
    static struct iovec pieces[BATCH][2];
    static struct mmsghdr headers[BATCH];
    int file = open(words[1], O_RDONLY), line = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), room = 4 << 20;
    size_t len = atoi(words[2]), total = 0, next = 0;
    double a_second = atof(words[5]), began = now_s();
    struct sockaddr_in place = {.sin_family = AF_INET};
    struct stat about;
    uint32_t random = 2463534242;
    if (file < 0 || line < 0 || fstat(file, &about) || !inet_pton(AF_INET, words[3], &place.sin_addr))
        return 1;
    setsockopt(line, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    char *records = mmap(NULL, about.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    size_t there = about.st_size / len;
    if (records == MAP_FAILED || !there)
        return 1;
    for (int i = 0; i < BATCH; i++) {
        heads[i].ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
                                     .daddr = place.sin_addr.s_addr, .tot_len = htons(28 + len)};
        heads[i].udp = (struct udphdr){.dest = htons(atoi(words[4])), .len = htons(8 + len)};
        pieces[i][0] = (struct iovec){&heads[i], 28};
        pieces[i][1].iov_len = len;
        headers[i].msg_hdr = (struct msghdr){.msg_name = &place, .msg_namelen = sizeof place,
                                             .msg_iov = pieces[i], .msg_iovlen = 2};
    }
    signal(SIGTERM, end);
    while (!is_over) {
        size_t due = (now_s() - began) * a_second;
        if (due <= total) {
            nanosleep(&(struct timespec){0, 500000}, NULL);
            continue;
        }
        int batch = due - total < BATCH ? due - total : BATCH;
        for (int i = 0; i < batch; i++) {
            random ^= random << 13, random ^= random >> 17, random ^= random << 5;
            heads[i].ip.saddr = htonl(0xc6120000 | (random & 0x1ffff));
            heads[i].udp.source = htons(1024 + (random >> 17) % 60000);
            pieces[i][1].iov_base = records + (next++ % there) * len;
        }
        int sent = sendmmsg(line, headers, batch, 0);
        total += sent > 0 ? sent : 0;
    }
    printf("sent %zu %f\n", total, now_s() - began);
    return 0;
}
