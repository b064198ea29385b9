/* A kernel that refuses offloads: preloaded beside a program, it fails the system call that an offload stands on.
 * WARREN_TEST_REFUSE names which, one of the words below. Test code only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum { LATE = 12 }; /* so many calls go well before one fails: the self-test's, and the first ones at work */

static int is(const char *word)
{
    const char *wanted = getenv("WARREN_TEST_REFUSE");
    return wanted && !strcmp(wanted, word);
}

static int fail(int number)
{
    errno = number;
    return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
    static int (*real)(int, unsigned long, ...);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "ioctl");
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    unsigned long takes = (unsigned long)argument;
    if (request == TUNSETIFF && is("tun-checksum") && ((struct ifreq *)argument)->ifr_flags & IFF_VNET_HDR)
        return fail(EINVAL);
    if (request == TUNSETOFFLOAD && is("tun-tcp") && takes & (TUN_F_TSO4 | TUN_F_TSO6))
        return fail(EINVAL);
    if (request == TUNSETOFFLOAD && is("tun-udp") && takes & (TUN_F_USO4 | TUN_F_USO6))
        return fail(EINVAL);
    return real(fd, request, argument);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    static int (*real)(int, int, int, const void *, socklen_t);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "setsockopt");
    if (level == IPPROTO_UDP && name == UDP_GRO && is("udp-receive"))
        return fail(ENOPROTOOPT);
    return real(fd, level, name, value, len);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    static ssize_t (*real)(int, const struct msghdr *, int);
    static atomic_int calls;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sendmsg");
    const struct cmsghdr *control = CMSG_FIRSTHDR(message);
    if (!control || control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_SEGMENT)
        return real(fd, message, flags);
    if (is("udp-send"))
        return fail(EIO);
    if (is("udp-send-late") && atomic_fetch_add(&calls, 1) >= LATE)
        return fail(EIO);
    if (is("udp-send-mangled")) { /* the train's last datagram is lost */
        unsigned short segment;
        memcpy(&segment, CMSG_DATA(control), sizeof segment);
        struct iovec shorter = message->msg_iov[0];
        if (shorter.iov_len > segment)
            shorter.iov_len -= segment;
        struct msghdr changed = *message;
        changed.msg_iov = &shorter;
        return real(fd, &changed, flags);
    }
    return real(fd, message, flags);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    static atomic_int calls;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "writev");
    if (count > 1 && is("tun-tcp-late") && atomic_fetch_add(&calls, 1) >= LATE)
        return fail(EINVAL);
    return real(fd, pieces, count);
}
