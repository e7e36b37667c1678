# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# What scenarios are written in. Runs in the guest under busybox sh.
# A log kind is: kernel, kernel-core, dirtylogd, dirtylogd-flush (integrated flush), dirtylogd-core; or one of these
# with "front-" before it, behind the log of our kernel module.

# What tests/vm/run --set gives.
# shellcheck source=/dev/null
[ ! -f /scenarios/settings ] || . /scenarios/settings

DAEMON_LOG=/tmp/dirtylogd.log
DAEMON_PID=

# shellcheck source=tests/vm/checks.sh
. /scenarios/checks.sh

on_kernel_log() { [ "$KERNEL_LOG" = 1 ]; }
# As front-NAME: each kind dirtylogd... is one with "front-" before it.
with_front() { [ "$FRONT" = 1 ]; }

# --- the daemon

daemon_answers() { dirtylogctl stats >/dev/null 2>&1; }

start_daemon() {
	on_kernel_log && return 0
	# shellcheck disable=SC2046
	dirtylogd --foreground $(cat /scenarios/daemon-args) "$@" >>$DAEMON_LOG 2>&1 &
	DAEMON_PID=$!
	if ! until_true 15 daemon_answers; then
		fail "dirtylogd $* answers within 15 s"
		return 1
	fi
}

# Asks it to end and waits; the status is the daemon's.
stop_daemon() {
	on_kernel_log && return 0
	kill -TERM "$DAEMON_PID" 2>/dev/null
	if ! until_true 20 daemon_gone; then
		fail "dirtylogd ends within 20 s of SIGTERM"
		kill -KILL "$DAEMON_PID"
	fi
	wait "$DAEMON_PID"
}
daemon_gone() { ! kill -0 "$DAEMON_PID" 2>/dev/null; }

kill_daemon() {
	on_kernel_log && return 0
	kill -KILL "$DAEMON_PID"
	wait "$DAEMON_PID" 2>/dev/null
	return 0
}

daemon_lives() { on_kernel_log || kill -0 "$DAEMON_PID" 2>/dev/null; }

# Processes.
gone() { ! kill -0 "$1" 2>/dev/null; } # PID
# ends_within SECONDS COMMAND...: what hangs in the kernel cannot be ended.
ends_within() {
	ends_limit=$1
	shift
	"$@" &
	until_true "$ends_limit" gone $!
}
server_pid() { dirtylogctl stats | awk '$1 == "server_pid" { print $2 }'; }
another_server() { # PID: the one before
	other_pid=$(server_pid 2>/dev/null)
	[ -n "$other_pid" ] && [ "$other_pid" != "$1" ]
}
leg_flush_hangs() { # PID: a thread of it waits for the leg, in the kernel
	grep -hs '^State:.D' /proc/"$1"/task/*/status | grep -q D &&
		grep -qs leg-flush /proc/"$1"/task/*/comm
}

# --- request counters: snapshots of `dirtylogctl stats`

snap() { # LABEL
	on_kernel_log || dirtylogctl stats >"/tmp/snap.$1"
}

# delta BEFORE AFTER NAME: how much the counter grew.
delta() {
	awk -v name="$3" '$1 == name { n[FILENAME] = $2 }
		END { print n[ARGV[2]] - n[ARGV[1]] }' "/tmp/snap.$1" "/tmp/snap.$2"
}

REQUESTS="ctr dtr presuspend postsuspend resume get_region_size is_clean in_sync flush mark_region
clear_region get_resync_work set_region_sync get_sync_count status_info status_table
is_remote_recovering"

# requests_between BEFORE AFTER: "name=count ..." of the requests that came, in a fixed order.
requests_between() {
	requests_out=
	for requests_name in $REQUESTS; do
		requests_n=$(delta "$1" "$2" "$requests_name")
		[ "$requests_n" = 0 ] || requests_out="$requests_out $requests_name=$requests_n"
	done
	echo "${requests_out# }"
}

# --- disks

dev() { readlink -f "/dev/d/$1"; }
dev_number() { # DEVICE: "MAJOR:MINOR"
	# Split into two numbers.
	# shellcheck disable=SC2046,SC2183
	printf '%d:%d\n' $(stat -L -c '0x%t 0x%T' "$1")
}

# stat_field DEVICE FIELD: from /sys/block/*/stat: 5 = writes, 7 = sectors written, 16 = flushes.
stat_field() {
	awk -v field="$2" '{ print $field }' "/sys/dev/block/$(dev_number "$1")/stat"
}

wipe() { # DEVICE [MiB]
	dd if=/dev/zero of="$1" bs=1M count="${2:-1}" oflag=direct conv=notrunc 2>/dev/null
}

# --- mirrors

# A leg may carry an offset in sectors: DEVICE@OFFSET.
# in_front LOG: "TYPE COUNT WORDS" with the cached log in front of it, and its options FRONT_OPTIONS.
FRONT_OPTIONS=
# Clears, and so marks, are told all the time: the kills are to meet them.
front_is_busy() { FRONT_OPTIONS="clear_delay 100 max_lazy 64"; }
in_front() {
	# Split into words.
	# shellcheck disable=SC2086
	set -- $1
	front_type=$1
	shift 2
	# shellcheck disable=SC2086
	set -- $FRONT_OPTIONS "$front_type" "$@"
	echo "cached $# $*"
}

# mirror_table KIND SECTORS LOG REGION_SECTORS LEG0 LEG1 UUID [sync|nosync]
mirror_table() {
	table_kind=${1#front-}
	table_front=
	case $1 in
	front-*) table_front=yes ;;
	dirtylogd*) ! with_front || table_front=yes ;;
	esac
	if on_kernel_log; then
		case $table_kind in
		dirtylogd-core) table_kind=kernel-core ;;
		dirtylogd*) table_kind=kernel ;;
		esac
	fi
	table_args="$3 $4${8:+ $8}"
	[ "${table_kind#*-}" = core ] && table_args="$4${8:+ $8}"
	# Split to count.
	# shellcheck disable=SC2086
	set -- "$2" "$5" "$6" "$7" $table_args
	table_sectors=$1 table_leg0=$2 table_leg1=$3 table_uuid=$4
	shift 4
	case $table_kind in
	kernel) table_log="disk $# $*" ;;
	kernel-core) table_log="core $# $*" ;;
	dirtylogd) table_log="userspace $(($# + 2)) $table_uuid disk $*" ;;
	dirtylogd-core) table_log="userspace $(($# + 2)) $table_uuid core $*" ;;
	dirtylogd-flush) table_log="userspace $(($# + 3)) $table_uuid integrated_flush disk $*" ;;
	esac
	[ -z "$table_front" ] || table_log=$(in_front "$table_log")
	case $table_leg0 in *@*) ;; *) table_leg0=$table_leg0@0 ;; esac
	case $table_leg1 in *@*) ;; *) table_leg1=$table_leg1@0 ;; esac
	echo "0 $table_sectors mirror $table_log 2 ${table_leg0%@*} ${table_leg0#*@} ${table_leg1%@*} ${table_leg1#*@} 1 handle_errors"
}

# mk_mirror NAME KIND SECTORS LOG REGION_SECTORS LEG0 LEG1 [sync|nosync]; the log's uuid is dl-NAME.
mk_mirror() {
	mk_name=$1
	mk_kind=$2
	shift 2
	mk_table=$(mirror_table "$mk_kind" "$1" "$2" "$3" "$4" "$5" "dl-$mk_name" ${6:+"$6"})
	if ! dmsetup create "$mk_name" --table "$mk_table"; then
		fail "mirror $mk_name is made: $mk_table"
		return 1
	fi
	[ -b "/dev/mapper/$mk_name" ] || fail "/dev/mapper/$mk_name is there"
}

# reload NAME TABLE: loads, suspends and resumes.
reload() {
	dmsetup load "$1" --table "$2" && dmsetup suspend "$1" && dmsetup resume "$1"
}

rm_mirror() {
	if ! until_true 10 dmsetup remove "$1"; then
		fail "mirror $1 is removed"
		return 1
	fi
}

# From "0 LEN mirror 2 M:N M:N DONE/ALL 1 AA ..."
sync_ratio() { dmsetup status "$1" | awk '{ print $(4 + $4 + 1) }'; }
sync_done() { sync_ratio "$1" | cut -d/ -f1; }
leg_states() { dmsetup status "$1" | awk '{ print $(4 + $4 + 3) }'; }
# The log's part: "3 disk 254:2 A"
log_status() { dmsetup status "$1" | awk '{ for (i = 4 + $4 + 4; i <= NF; i++) printf "%s%s", $i, i < NF ? " " : "\n" }'; }
in_sync() {
	in_sync_ratio=$(sync_ratio "$1")
	[ -n "$in_sync_ratio" ] && [ "${in_sync_ratio%/*}" = "${in_sync_ratio#*/}" ]
}

wait_sync() { # NAME SECONDS
	if until_true "$2" in_sync "$1"; then
		pass "$1 in sync"
	else
		fail "$1 in sync within $2 s: $(dmsetup status "$1")"
	fi
}

# --- the log's image: bits from byte 1024, least significant first, set = clean

# log_map LOG REGIONS: one line a region, "REGION 0|1".
log_map() {
	dd if="$1" of=/tmp/image bs=4096 count=$((($2 / 8 + 1024 + 4095) / 4096)) iflag=direct 2>/dev/null
	hexdump -v -s 1024 -e '1/1 "%u\n"' /tmp/image | awk -v regions="$2" '{
			for (bit = 0; bit < 8 && r < regions; bit++) { print r++, $1 % 2; $1 = int($1 / 2) }
		}'
}
log_clean() { log_map "$1" "$2" | grep -c ' 1$'; }
log_dirty() { log_map "$1" "$2" | sed -n 's/ 0$//p'; }
log_is_clean() { [ "$(log_clean "$1" "$2")" = "$2" ]; }
no_logs() { ! dirtylogctl logs 2>/dev/null | grep -qv "^UUID"; }

# leg_sum LEG CHUNK_MiB CHUNK COUNT: of what is on the device, past the page cache.
leg_sum() {
	blockdev --flushbufs "$1"
	dd if="$1" bs="${2}M" count="$4" skip="$3" 2>/dev/null | md5sum
}

legs_identical() { # LEG0 LEG1 MiB
	leg_sum "$1" 1 0 "$3" >/tmp/leg.sum &
	legs_sum=$(leg_sum "$2" 1 0 "$3")
	wait $!
	[ "$legs_sum" = "$(cat /tmp/leg.sum)" ]
}

# differing LEG0 LEG1 MiB REGION_KiB: numbers of the regions whose legs differ.
differing() {
	differ_chunk=0
	# A sum is five times as fast as a comparison here, and few chunks differ.
	while [ $((differ_chunk * 8)) -lt "$3" ]; do
		if [ "$(leg_sum "$1" 8 $differ_chunk 1)" != "$(leg_sum "$2" 8 $differ_chunk 1)" ]; then
			dd if="$1" bs=8M count=1 skip=$differ_chunk of=/tmp/chunk0 2>/dev/null
			dd if="$2" bs=8M count=1 skip=$differ_chunk of=/tmp/chunk1 2>/dev/null
			cmp -l /tmp/chunk0 /tmp/chunk1 |
				awk -v base=$((differ_chunk * 8192)) -v kib="$4" '{ print int((base + ($1 - 1) / 1024) / kib) }' | uniq
		fi
		differ_chunk=$((differ_chunk + 1))
	done
}

# --- load

# fio_run LABEL ARG...: one job, direct I/O; its figures by fio_field LABEL.
fio_run() {
	fio_label=$1
	shift
	fio --minimal --terse-version=3 --thread --name=job --direct=1 --ioengine=libaio --bs=4k \
		--output="/tmp/fio.$fio_label" "$@" 2>"/tmp/fio.$fio_label.log"
}
# Many mirrors under one job, /tmp/fio.job, whose data is verified.
# verified_job DEPTH LINE...: begins the job.
verified_job() {
	job_depth=$1
	shift
	printf '%s\n' '[global]' thread direct=1 ioengine=libaio "iodepth=$job_depth" bs=4k verify=crc32c \
		verify_fatal=1 group_reporting "$@" >/tmp/fio.job
}
# one_of_many NUMBER KIND [sync|nosync]: mirror mNUMBER of SECTORS on pieces of LOG (2,048 sectors each), A and B is made,
# and joins the job.
one_of_many() {
	dmsetup create "log$1" --table "0 2048 linear $LOG $(($1 * 2048))"
	mk_mirror "m$1" "$2" "$SECTORS" "/dev/mapper/log$1" 128 "$A@$(($1 * SECTORS))" "$B@$(($1 * SECTORS))" ${3:+"$3"} ||
		return
	printf '[m%d]\nfilename=/dev/mapper/m%d\nrandseed=%d\n' "$1" "$1" "$1" >>/tmp/fio.job
}
start_job() { # LABEL: sets fio_pid; its figures by fio_field
	fio --minimal --terse-version=3 --output="/tmp/fio.$1" /tmp/fio.job 2>"/tmp/fio.$1.log" &
	# shellcheck disable=SC2034
	fio_pid=$!
}
# Fields of fio's terse format: write_iops write_mean write_p50 write_max (us) read_iops read_mean error
fio_field() { # LABEL NAME
	awk -F';' -v name="$2" 'NF > 100 {
		if (name == "write_iops") print $49
		if (name == "write_mean") print int($81)
		if (name == "write_p50") print substr($65, index($65, "=") + 1)
		if (name == "write_max") print $80
		if (name == "read_iops") print $8
		if (name == "read_mean") print int($40)
		if (name == "error") print $5
		exit }' "/tmp/fio.$1"
}
fio_ok() { [ "$(fio_field "$1" error)" = 0 ] && [ ! -s "/tmp/fio.$1.log" ]; }

# Of a load whose runtime is longer than what is to happen under it.
end_load() { # PID
	kill -TERM "$1"
	until_true 60 gone "$1" || fail "the load ends: $(dmsetup info -c) $(dmsetup status) $(dirtylogctl logs)"
	wait "$1"
}

median() { # NUMBER...
	printf '%s\n' "$@" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

read_block() { # DEVICE 4K-BLOCK
	dd if="$1" of=/dev/null bs=4096 count=1 skip="$2" iflag=direct 2>/dev/null
}
write_block() { # DEVICE 4K-BLOCK
	dd if=/dev/zero of="$1" bs=4096 count=1 seek="$2" oflag=direct conv=notrunc 2>/dev/null
}

# No complaint of the kernel's beyond what a scenario allows (an extended regular expression).
kernel_quiet() {
	kernel_quiet_but '^$'
}
kernel_quiet_but() { # ALLOWED
	quiet_reports='BUG|WARNING:|Oops|hung task|blocked for more|'
	# A debug kernel's are judged by tests/vm/run, which knows what is not ours.
	[ ! -e /proc/lockdep_stats ] || quiet_reports=
	dmesg | grep -E "${quiet_reports}I/O error|device-mapper: .*(error|fail|timed out|unable)" |
		grep -vE "$1" >/tmp/complaints
	if [ -s /tmp/complaints ]; then
		fail "the kernel is content: $(head -n 3 /tmp/complaints | tr '\n' '|')"
	else
		pass "the kernel is content"
	fi
}
