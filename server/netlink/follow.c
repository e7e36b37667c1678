/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Following the senders: a socket filter of six instructions stores the processor that it runs on, the
 * sender's, in a map that is mapped here too. After four single requests in a row from one processor the
 * receiver binds itself to it. */
#include "server/netlink/follow.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u
#define RUN_TO_BIND 4u /* a write to a mirror sends six from one processor */

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	int r = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : r;
}

static int make_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(uint32_t),
		.value_size = sizeof(uint64_t),
		.max_entries = 1,
		.map_flags = BPF_F_MMAPABLE,
		.map_name = "dirtylogd_cpu",
	};

	return bpf(BPF_MAP_CREATE, &attr);
}

#define INSN(c, d, s, o, i)                                                         \
	(struct bpf_insn)                                                           \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}

/* *value = this processor; the whole message is taken. */
static int make_program(int map_fd)
{
	const struct bpf_insn program[] = {
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_smp_processor_id),
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, 0, map_fd),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_STX | BPF_W | BPF_MEM, BPF_REG_1, BPF_REG_0, 0, 0),
		INSN(BPF_ALU | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, -1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uintptr_t)program,
		.insn_cnt = sizeof(program) / sizeof(program[0]),
		.license = (uintptr_t) "GPL",
		.prog_name = "dirtylogd_cpu",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

static int map_value(struct follow *follow)
{
	void *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, follow->map_fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	follow->sender = page;
	return 0;
}

static int open_filter(struct follow *follow)
{
	int r;

	if (sched_getaffinity(0, sizeof(follow->allowed), &follow->allowed) != 0)
		return -errno;
	if (CPU_COUNT(&follow->allowed) == 1)
		return 0; /* there is no other */
	r = follow->map_fd = make_map();
	if (r < 0)
		return r;
	r = map_value(follow);
	return r < 0 ? r : (follow->program_fd = make_program(follow->map_fd));
}

void follow_open(struct follow *follow)
{
	*follow = (struct follow){.bound = -1, .program_fd = -1};
	follow->error = open_filter(follow);
	if (follow->error < 0)
		follow_close(follow);
}

int follow_start(struct follow *follow, int fd)
{
	if (follow->error < 0 || follow->program_fd < 0)
		return follow->error;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &follow->program_fd,
		       sizeof(follow->program_fd)) == 0)
		return 0;
	follow->error = -errno;
	follow_close(follow);
	return follow->error;
}

void follow_close(struct follow *follow)
{
	if (follow->sender)
		munmap((void *)follow->sender, PAGE);
	follow->sender = NULL;
	if (follow->map_fd > 0)
		close(follow->map_fd);
	if (follow->program_fd > 0)
		close(follow->program_fd);
	follow->map_fd = follow->program_fd = 0;
}

static void set_free(struct follow *follow)
{
	follow->run = 0;
	if (follow->bound < 0)
		return;
	sched_setaffinity(0, sizeof(follow->allowed), &follow->allowed);
	follow->bound = -1;
}

static void bind_to(struct follow *follow, uint32_t cpu)
{
	cpu_set_t one;

	follow->run = 0;
	if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &follow->allowed))
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) == 0)
		follow->bound = (int)cpu;
}

void follow_look(struct follow *follow, unsigned n)
{
	uint32_t cpu;

	if (n >= FOLLOW_BATCH_TO_FREE) {
		set_free(follow);
		return;
	}
	cpu = *follow->sender;
	if (cpu != follow->candidate) {
		follow->candidate = cpu;
		follow->run = 0;
	}
	if (++follow->run >= RUN_TO_BIND && (int)cpu != follow->bound)
		bind_to(follow, cpu);
}
