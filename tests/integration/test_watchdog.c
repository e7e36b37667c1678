/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server that neither works nor dies, and what becomes of it. */
#include "server/base/diag.h"
#include "server/restart/watchdog.h"
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT "0.5" /* seconds */
#define LIMIT_MSEC 500

/* hang_at: a place of kill_point.h, or NULL. */
static void start_watched(const char *hang_at)
{
	bench.supervised = true;
	if (!bench.watchdog)
		bench.watchdog = LIMIT;
	if (hang_at)
		setenv("DIRTYLOGD_KILL_AT", hang_at, 1);
	start();
	unsetenv("DIRTYLOGD_KILL_AT");
}

static pid_t stop_server(void)
{
	pid_t server = (pid_t)stat_of("server_pid");

	cr_assert_gt(server, 0);
	cr_assert_eq(kill(server, SIGSTOP), 0);
	return server;
}

static void expect_servers(unsigned long count)
{
	EXPECT_SOON(control_answers(), "no server:\n%s", output());
	cr_assert_eq(stat_of("server"), count, "%lu servers:\n%s", stat_of("server"), output());
}

TestSuite(watchdog, .init = set_up, .fini = tear_down, .timeout = 60);

/* --- a server that is stopped --- */

Test(watchdog, a_server_that_is_stopped_is_replaced)
{
	start_watched(NULL);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	mark(3);
	stop_server();
	cr_assert_eq(is_clean(3), 0);
	cr_assert_eq(is_clean(4), 1);
	expect_said("is stopped", "SIGSTOP");
	expect_servers(2);
}

Test(watchdog, a_server_that_is_stopped_for_a_moment_serves_on)
{
	pid_t server;

	start_watched(NULL);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	server = stop_server();
	sleep_msec(LIMIT_MSEC / 2);
	kill(server, SIGCONT);
	sleep_msec(2 * LIMIT_MSEC);
	cr_assert_eq(ask_u64(DM_ULOG_GET_REGION_SIZE, NULL, 0), 8);
	expect_servers(1);
}

/* Whoever stops it has done so, not the request that was in hand. */
Test(watchdog, a_request_is_not_to_blame_for_stops)
{
	start_watched(NULL);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	for (unsigned i = 0; i < 4; i++) {
		stop_server();
		cr_assert_eq(is_clean(4), 1);
	}
	expect_servers(5);
	cr_assert_eq(stat_of("refused"), 0);
	cr_assert_eq(stat_of("unknown_log"), 0);
}

/* --- a thread that hangs --- */

Test(watchdog, a_worker_that_hangs_is_named_and_its_request_answered)
{
	start_watched("ctr:0~");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	expect_said("worker-", "at request ctr of log LVM-one");
	resume();
	cr_assert_eq(sync_count(), REGIONS);
	expect_servers(2);
}

Test(watchdog, a_receiver_that_hangs_is_named_and_its_request_answered)
{
	const uint64_t region = 3;
	struct answer answer;

	start_watched("query:0~");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	answer = ask(DM_ULOG_IS_CLEAN, &region, sizeof(region));
	cr_assert_eq(answer.message.request.error, 0);
	expect_said("receiver", "at request is_clean of log LVM-one");
	expect_servers(2);
}

/* SIGTERM is its business, too. */
Test(watchdog, a_control_thread_that_hangs_is_replaced)
{
	start_watched("control:1~"); /* the first one tells that it has started */
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	mark(3);
	stat_of("server"); /* who asks first gets no answer */
	expect_said("control", "at no request and no log");
	expect_servers(2);
	cr_assert_eq(is_clean(3), 0);
	cr_assert_eq(WEXITSTATUS(end_daemon(SIGTERM)), 0);
}

Test(watchdog, a_request_that_hangs_each_time_is_refused)
{
	uint64_t region = 3;

	start_watched("mark-or-flush:0~!");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	cr_assert_eq(ask_error(DM_ULOG_MARK_REGION, &region, sizeof(region)), -ESRCH);
	expect_said("request mark_region of log LVM-one has ended the server 3 times", "8 bytes");
	expect_servers(4);
}

Test(watchdog, a_log_at_which_servers_hang_that_take_it_over_is_left)
{
	start_watched("take-over:0~!");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	kill((pid_t)stat_of("server_pid"), SIGKILL);
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
	expect_said("receiver", "at log LVM-one, at no request");
	expect_said("log LVM-one is not taken over", "it has ended too many servers");
	expect_servers(5);
}

/* A hang that comes again and again is no reason to keep all other logs from being served. */
Test(watchdog, after_three_restarts_in_a_minute_it_only_tells)
{
	static const char text[] = "160 core 8 nosync";
	pid_t server;

	start_watched("ctr-half:1~!");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	become(2, "LVM-two");
	cr_assert_eq(ask_error(DM_ULOG_CTR, text, sizeof(text) - 1), -EIO);
	become(3, "LVM-three");
	send_request(DM_ULOG_CTR, text, sizeof(text) - 1);
	expect_said("at request ctr of log LVM-three", "3 restarts in a minute have not helped");
	expect_servers(4);
	server = (pid_t)stat_of("server_pid");
	sleep_msec(2 * LIMIT_MSEC);
	expect_servers(4);
	cr_assert_eq(kill(server, SIGKILL), 0); /* its worker would keep it from ending in order */
}

/* --- no hang --- */

Test(watchdog, a_server_that_waits_for_requests_is_let_live)
{
	start_watched(NULL);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	sleep_msec(4 * LIMIT_MSEC);
	cr_assert_eq(is_clean(3), 1);
	expect_servers(1);
}

/* --- a thread that no signal ends --- */

/* A process in a wait that the kernel shows as D, as that for a device: for its child after vfork. */
static pid_t start_uninterruptible(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		if (syscall(SYS_vfork) == 0)
			for (;;)
				pause();
		_exit(1);
	}
	return pid;
}

static void look_for(struct watchdog *watchdog, pid_t server, unsigned msec)
{
	int64_t end_msec = now_msec() + msec;
	sigset_t none;

	sigemptyset(&none);
	while (now_msec() < end_msec)
		watchdog_wait(watchdog, &none, NULL, server, INT64_MAX);
}

Test(watchdog, a_thread_that_waits_for_a_device_is_named_and_let_live)
{
	struct watchdog watchdog;
	struct estate estate;
	pid_t server;
	int status;

	cr_assert_eq(estate_create(&estate), 0);
	dup2(bench.output, STDERR_FILENO);
	diag_open(DIAG_INFO, false);
	watchdog_open(&watchdog, &estate, LIMIT_MSEC * NSEC_PER_MSEC, NULL);
	watchdog_begin(&watchdog);
	server = start_uninterruptible();
	estate.fixed->executors[1].thread = (uint32_t)server;
	estate_works(&estate.fixed->executors[1]);
	look_for(&watchdog, server, 3 * LIMIT_MSEC);
	expect_said("thread worker-1 has not come back", "a device does not answer");
	cr_assert_eq(waitpid(server, &status, WNOHANG), 0, "it was ended");
	kill(-server, SIGKILL);
}

/* --- systemd --- */

/* feed: WatchdogSec=, as systemd says it; NULL: there is none. */
static int open_notify(const char *feed)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "@dirtylogd-notify"};
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	if (feed)
		setenv("WATCHDOG_USEC", feed, 1);
	address.sun_path[0] = '\0';
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

static char status[1024]; /* the last that systemd was told */
static unsigned statuses; /* how often */
static unsigned feeds; /* of its watchdog, all */

/* How often its watchdog was fed since the last call. */
static unsigned fed(int fd)
{
	unsigned count = 0;
	char text[1024];
	ssize_t n;

	while ((n = recv(fd, text, sizeof(text) - 1, 0)) >= 0) {
		text[n] = '\0';
		count += strstr(text, "WATCHDOG=1") != NULL;
		if (strncmp(text, "STATUS=", 7) != 0)
			continue;
		statuses++;
		strcpy(status, text + 7);
	}
	feeds += count;
	return count;
}

static bool told(int fd, const char *text)
{
	fed(fd);
	return strcmp(status, text) == 0;
}

static void expect_told(int fd, const char *text)
{
	EXPECT_SOON(told(fd, text), "\"%s\" instead of \"%s\"", status, text);
}

Test(watchdog, systemd_is_told_while_all_goes_well)
{
	int fd = open_notify("400000");

	bench.watchdog = "2";
	start_watched(NULL);
	fed(fd);
	sleep_msec(1200);
	cr_assert_geq(fed(fd), 2);
	stop_server();
	expect_said("is stopped", "");
	fed(fd);
	sleep_msec(700);
	cr_assert_eq(fed(fd), 0, "the server is stopped");
	EXPECT_SOON(fed(fd) > 0, "systemd is not told any more");
	expect_servers(2);
	close(fd);
}

/* The supervisor is well, and is not to be ended. */
Test(watchdog, systemd_is_told_while_no_server_can_be_had)
{
	int fd = open_notify("2000000");
	struct rlimit before, none = {.rlim_cur = 3};
	pid_t servers[2];

	start_watched(NULL);
	EXPECT_SOON(stat_of("standby_pid") > 0, "nobody stands by");
	cr_assert_eq(prlimit(bench.daemon, RLIMIT_NOFILE, NULL, &before), 0);
	none.rlim_max = before.rlim_max;
	cr_assert_eq(prlimit(bench.daemon, RLIMIT_NOFILE, &none, NULL), 0);
	servers[0] = (pid_t)stat_of("standby_pid");
	servers[1] = (pid_t)stat_of("server_pid");
	kill(servers[0], SIGKILL);
	kill(servers[1], SIGKILL);
	sleep_msec(3000);
	fed(fd);
	sleep_msec(4000);
	cr_assert_geq(fed(fd), 2);
	cr_assert_eq(prlimit(bench.daemon, RLIMIT_NOFILE, &before, NULL), 0);
	EXPECT_SOON(control_answers(), "no server:\n%s", output());
	close(fd);
}

/* A server that is hard to end. */
static pid_t start_stubborn(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGABRT, SIG_IGN);
		for (;;)
			pause();
	}
	return pid;
}

static void starve_at(unsigned number)
{
	int fd = open_notify("100000"), status_of_it;
	struct watchdog watchdog;
	struct estate estate;
	pid_t server;

	cr_assert_eq(estate_create(&estate), 0);
	watchdog_open(&watchdog, &estate, LIMIT_MSEC * NSEC_PER_MSEC, NULL);
	watchdog_begin(&watchdog);
	server = start_stubborn();
	look_for(&watchdog, server, LIMIT_MSEC);
	cr_assert_gt(fed(fd), 0, "not fed before");
	estate_works(&estate.fixed->executors[number]);
	look_for(&watchdog, server, 2 * LIMIT_MSEC);
	fed(fd);
	look_for(&watchdog, server, LIMIT_MSEC);
	cr_assert_eq(fed(fd), 0, "fed though thread %u hangs", number);
	kill(server, SIGKILL);
	waitpid(server, &status_of_it, 0);
	estate_close(&estate);
	close(fd);
}

Test(watchdog, systemd_is_not_told_that_all_goes_well_while_a_thread_hangs)
{
	unsetenv("WATCHDOG_PID");
	dup2(bench.output, STDERR_FILENO);
	diag_open(DIAG_INFO, false);
	starve_at(0);
	starve_at(ESTATE_WORKERS_MAX - 1);
	starve_at(ESTATE_RECEIVER);
	starve_at(ESTATE_CONTROL);
	starve_at(ESTATE_MIRRORS);
}

Test(watchdog, systemd_is_told_how_many_logs_are_served)
{
	int fd = open_notify(NULL);
	char text[64];

	pretend_module(true);
	start_watched(NULL);
	expect_told(fd, "serves 0 logs; server 1");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	expect_told(fd, "serves 1 log; server 1");
	become(2, "LVM-two");
	ctr_ok("%u core 8", REGIONS * 8);
	expect_told(fd, "serves 2 logs; server 1");
	resume();
	expect_told(fd, "serves 2 logs: 1 resyncing; server 1");
	kill((pid_t)stat_of("server_pid"), SIGKILL);
	expect_told(fd, "serves 2 logs: 1 resyncing; server 2");
	for (unsigned region = 0; region < REGIONS; region++)
		cr_assert_eq(set_region_sync(region, 1), 0);
	expect_told(fd, "serves 2 logs; server 2");
	cr_assert_eq(set_region_sync(3, 0), 0);
	expect_told(fd, "serves 2 logs: 1 resyncing; server 2");
	snprintf(text, sizeof(text), "%u disk /dev/null 8", REGIONS * 8);
	become(3, "LVM-three");
	cr_assert_eq(reconnect_error("%s", text), 0);
	expect_told(fd, "serves 3 logs: 1 failed, 1 resyncing; server 2");
	destroy_log();
	become(2, "LVM-two");
	destroy_log();
	expect_told(fd, "serves 1 log; server 2");
	cr_assert_eq(feeds, 0, "fed, and nobody has asked for it");
	close(fd);
}

Test(watchdog, systemd_is_told_what_changes_once_a_second_at_most)
{
	int64_t start_msec = now_msec();
	int fd = open_notify(NULL);

	pretend_module(true);
	start_watched(NULL);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	while (now_msec() < start_msec + 2500) {
		ask_ok(DM_ULOG_SET_REGION_SYNC, (uint64_t[]){3, 0}, 16);
		sleep_msec(100);
		ask_ok(DM_ULOG_SET_REGION_SYNC, (uint64_t[]){3, 1}, 16);
		sleep_msec(100);
		fed(fd);
	}
	cr_assert_leq(statuses, 4);
	sleep_msec(1200);
	expect_told(fd, "serves 1 log; server 1");
	fed(fd);
	statuses = 0;
	sleep_msec(1500);
	fed(fd);
	cr_assert_eq(statuses, 0, "told without a change");
	close(fd);
}

Test(watchdog, systemd_is_told_of_a_thread_that_hangs)
{
	int fd = open_notify(NULL);

	pretend_module(true);
	start_watched("ctr-half:1~!");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	become(2, "LVM-two");
	cr_assert_eq(ask_error(DM_ULOG_CTR, "160 core 8 nosync", 17), -EIO);
	become(3, "LVM-three");
	send_request(DM_ULOG_CTR, "160 core 8 nosync", 17);
	expect_said("at request ctr of log LVM-three", "3 restarts in a minute have not helped");
	EXPECT_SOON(
		(fed(fd), strstr(status, " hangs at request ctr of log LVM-three; serves 1 log")),
		"\"%s\"", status);
	cr_assert_eq(kill((pid_t)stat_of("server_pid"), SIGKILL), 0);
	close(fd);
}

Test(watchdog, systemd_is_told_of_a_server_that_is_stopped)
{
	int fd = open_notify(NULL);
	pid_t server;

	bench.watchdog = "3";
	pretend_module(true);
	start_watched(NULL);
	expect_told(fd, "serves 0 logs; server 1"); /* it may answer before it is ready */
	server = stop_server();
	expect_told(fd, "the server is stopped by a signal; serves 0 logs; server 1");
	kill(server, SIGCONT);
	expect_told(fd, "serves 0 logs; server 1");
	close(fd);
}

Test(watchdog, systemd_is_told_of_options_that_are_wrong)
{
	char path[] = "/tmp/test_watchdog.XXXXXX";
	int file = mkstemp(path);
	int fd = open_notify(NULL);

	cr_assert_eq(write(file, "nonsense = 1\n", 13), 13);
	bench.config = path;
	pretend_module(true);
	start_watched(NULL);
	expect_told(fd, "options are wrong (dirtylogd --check); serves 0 logs; server 1");
	unlink(path);
	close(file);
	close(fd);
}

Test(watchdog, systemd_is_told_of_a_module_that_is_missing)
{
	int fd = open_notify(NULL);

	pretend_module(false);
	start_watched(NULL);
	expect_said("the kernel module dm-log-userspace is not loaded",
		    "modprobe dm-log-userspace");
	expect_told(fd,
		    "the kernel module dm-log-userspace is not loaded; serves 0 logs; server 1");
	cr_assert_eq(mkdir("/sys/module/dm_log_userspace", 0755), 0);
	expect_told(fd, "serves 0 logs; server 1");
	close(fd);
}

/* A device that takes its time is the device's affair: whoever waits for it is at no turn. */
static void wait_for_device(const char *engine)
{
	struct loop_device loop = make_cold_loop();
	uint64_t region = 3;
	struct wire_message request;

	bench.supervised = true;
	bench.watchdog = LIMIT;
	start_with("any", engine, NEVER);
	make_log(&loop, REGIONS, " nosync");
	set_frozen(true);
	request = send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	sleep_msec(4 * LIMIT_MSEC);
	set_frozen(false);
	await_success(&request);
	cr_assert_null(strstr(output(), "has not come back"), "%s", output());
	expect_servers(1);
}

Test(watchdog, a_slow_device_is_no_hang)
{
	wait_for_device("auto");
}

Test(watchdog, a_slow_device_is_no_hang_without_io_uring)
{
	wait_for_device("sync");
}

/* --- a server that hangs, and nobody to replace it --- */

/* It would keep the socket and the place from the next dirtylogd. */
Test(watchdog, a_server_that_hangs_ends_when_its_supervisor_is_gone)
{
	struct wire_message request;
	pid_t server;

	bench.watchdog = "3600";
	start_watched("asked:0~");
	server = (pid_t)stat_of("server_pid");
	request = send_request(DM_ULOG_CTR, "160 core 8", 10);
	expect_silence(QUIET_MSEC);
	cr_assert_eq(kill(bench.daemon, SIGKILL), 0);
	cr_assert_eq(waitpid(bench.daemon, NULL, 0), bench.daemon);
	bench.daemon = 0;
	for (unsigned waited = 0; kill(server, 0) == 0; waited++) {
		cr_assert_lt(waited, 200, "it is still there");
		sleep_msec(100);
	}
	(void)request;
}

/* As systemd starts it. A group alone would be woken by the kernel at its leader's end. */
static void lead_session(void)
{
	setsid();
}

/* What it is told at its supervisor's end waits until it goes on, and nobody else would have it do so. */
Test(watchdog, a_stopped_server_without_a_supervisor_ends_when_another_dirtylogd_comes)
{
	char *args[] = {"dirtylogd", "--foreground", "--take-over", NULL};
	bool gone = false;
	pid_t server;

	bench.in_child = lead_session;
	start_watched(NULL);
	server = (pid_t)stat_of("server_pid");
	cr_assert_eq(kill(server, SIGSTOP), 0);
	cr_assert_eq(kill(bench.daemon, SIGKILL), 0);
	cr_assert_eq(waitpid(bench.daemon, NULL, 0), bench.daemon);
	bench.daemon = 0;
	waitpid(spawn(args), NULL, 0);
	expect_said("another dirtylogd", "");
	for (unsigned waited = 0; waited < 200 && !gone; waited++) {
		gone = kill(server, 0) != 0;
		sleep_msec(100);
	}
	if (!gone)
		kill(server, SIGKILL); /* or it stayed for ever */
	cr_assert(gone, "it is still there");
}
