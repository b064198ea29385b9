/* Small UDP packets: `flood source ADDRESS PORT SECONDS` sends; `flood sink PORT SECONDS` counts what comes in so many
 * seconds, beginning WARM_UP_S after the first. Many a system call, so that the program is not what is measured. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

enum { BATCH = 64, BYTES = 64 - 28 }; /* 64 bytes with the headers of IPv4 and UDP */

static const double WARM_UP_S = 0.3, PATIENCE_S = 10.0;

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **words)
{
    if (count < 4)
        return 2;
    static char bytes[BATCH][2048];
    struct iovec pieces[BATCH];
    struct mmsghdr headers[BATCH];
    int is_sink = !strcmp(words[1], "sink"), line = socket(AF_INET, SOCK_DGRAM, 0), buffer = 8 << 20;
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(atoi(words[is_sink ? 2 : 3]))};
    double seconds = atof(words[is_sink ? 3 : 4]), begin = now_s(), end = begin + seconds + (is_sink ? PATIENCE_S : 0);
    int has_begun = !is_sink;
    long total = 0;
    memset(headers, 0, sizeof headers);
    for (int i = 0; i < BATCH; i++) {
        pieces[i] = (struct iovec){bytes[i], is_sink ? sizeof bytes[i] : BYTES};
        headers[i].msg_hdr.msg_iov = &pieces[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    setsockopt(line, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    if (is_sink) {
        struct timeval patience = {0, 100000};
        setsockopt(line, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (bind(line, (struct sockaddr *)&place, sizeof place))
            return 1;
        printf("ready\n");
        fflush(stdout);
    } else if (!inet_pton(AF_INET, words[2], &place.sin_addr) || connect(line, (struct sockaddr *)&place, sizeof place)) {
        return 1;
    }
    for (double now; (now = now_s()) < end;) {
        int done = is_sink ? recvmmsg(line, headers, BATCH, MSG_WAITFORONE, NULL) : sendmmsg(line, headers, BATCH, 0);
        if (done > 0 && !has_begun) {
            has_begun = 1, begin = now_s() + WARM_UP_S, end = begin + seconds;
        }
        total += done > 0 && now >= begin ? done : 0;
    }
    printf("count %ld\n", total);
    return 0;
}
