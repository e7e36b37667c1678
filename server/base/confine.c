/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "server/base/confine.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const int answering[] = {
	/* connections */
	SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto),
	SCMP_SYS(sendmsg), SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(sendfile),
	SCMP_SYS(shutdown), SCMP_SYS(close), SCMP_SYS(fcntl), SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	/* waiting, and the time */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(futex), SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield), SCMP_SYS(getcpu), SCMP_SYS(membarrier),
	/* memory */
	SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise),
	SCMP_SYS(brk), SCMP_SYS(getrandom),
	/* its own end, in order or by a fault */
	SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(prctl),
	SCMP_SYS(pause), SCMP_SYS(exit), SCMP_SYS(exit_group)};

static const int serving[] = {
	/* netlink */
	SCMP_SYS(recvmmsg), SCMP_SYS(sendmmsg),
	/* devices, and what /proc and /sys say of them */
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
	SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64), SCMP_SYS(access), SCMP_SYS(ioctl), SCMP_SYS(flock), SCMP_SYS(lseek),
	SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(preadv2), SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev), SCMP_SYS(pwritev2), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
	SCMP_SYS(fallocate), SCMP_SYS(ftruncate), SCMP_SYS(io_uring_enter),
	/* descriptors */
	SCMP_SYS(eventfd2), SCMP_SYS(pidfd_getfd), SCMP_SYS(close_range), SCMP_SYS(dup),
	/* threads and their memory; who is confined further asks for that */
	SCMP_SYS(seccomp), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(set_tid_address),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(mlock), SCMP_SYS(mlock2),
	SCMP_SYS(munlock), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getuid), SCMP_SYS(geteuid)};

static struct {
	struct sock_fprog answering, serving;
} programs;

struct narrow {
	int call;
	struct scmp_arg_cmp with;
};

static int allow_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

static int allow_narrow(scmp_filter_ctx filter, const struct narrow *narrow, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, narrow[i].call, 1,
					   &narrow[i].with);
	return r;
}

static int allow_answering(scmp_filter_ctx filter)
{
	int r = allow_all(filter, answering, COUNT_OF(answering));

	if (r < 0)
		return r;
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

/* clone3() has its flags in memory, where no filter looks: without it libc takes clone(). */
static int allow_serving(scmp_filter_ctx filter)
{
	scmp_datum_t self = (scmp_datum_t)getpid();
	const struct narrow narrow[] = {
		{SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)},
		{SCMP_SYS(unshare), SCMP_A0(SCMP_CMP_EQ, CLONE_FILES)},
		{SCMP_SYS(pidfd_open), SCMP_A0(SCMP_CMP_EQ, self)},
		{SCMP_SYS(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0)},
		{SCMP_SYS(kill), SCMP_A0(SCMP_CMP_EQ, self)}};
	int r = allow_answering(filter);

	if (r == 0)
		r = allow_all(filter, serving, COUNT_OF(serving));
	if (r == 0)
		r = allow_narrow(filter, narrow, COUNT_OF(narrow));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r;
}

/* The program for the kernel, in memory of its own, which stays; none (len 0) if not all of it is there. */
static int export_to(scmp_filter_ctx filter, struct sock_fprog *program)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);
	off_t size = r == 0 ? lseek(fd, 0, SEEK_END) : 0;

	if (size > 0) {
		program->filter = malloc((size_t)size);
		if (program->filter && pread(fd, program->filter, (size_t)size, 0) == size)
			program->len = (unsigned short)((size_t)size / sizeof(*program->filter));
		else
			r = -ENOMEM;
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static int make_filter(int (*allow)(scmp_filter_ctx filter), struct sock_fprog *program)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return -ENOMEM;
	/* A tree of comparisons: the kernel asks it for each of its calls when the filter is put in. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = allow(filter);
	if (r == 0)
		r = export_to(filter, program);
	seccomp_release(filter);
	return r;
}

/* The kernel is not asked to log what is refused: each clone3() would be there. Without SPEC_ALLOW kernels before 5.16 make
 * each load of the thread wait for the stores before it. */
static int confine(const struct sock_fprog *program)
{
	if (program->len == 0)
		return -ENOENT;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		    program) != 0)
		return -errno;
	return 0;
}

int confine_prepare(void)
{
	int r = make_filter(allow_answering, &programs.answering);

	return r < 0 ? r : make_filter(allow_serving, &programs.serving);
}

int confine_to_answering(void)
{
	return confine(&programs.answering);
}

int confine_to_serving(void)
{
	return confine(&programs.serving);
}
