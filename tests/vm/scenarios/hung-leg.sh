# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: a leg that never answers: its mirror can be suspended and repaired, others notice nothing
# disks: a=64M b=64M log=64M
# timeout: 150
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b)
SECTORS=32768
REGIONS=256
dmsetup create hlog --table "0 2048 linear $(dev log) 0"
dmsetup create olog --table "0 2048 linear $(dev log) 2048"
dmsetup create leg --table "0 $SECTORS linear $B 0"

start_daemon --clear-delay 1 || exit 1
mk_mirror h dirtylogd $SECTORS /dev/mapper/hlog 128 "$A" /dev/mapper/leg nosync || exit 1
mk_mirror o dirtylogd $SECTORS /dev/mapper/olog 128 "$A@$SECTORS" "$B@$SECTORS" nosync || exit 1
sleep 2

# The mirror is idle, its last write lies in the leg's cache.
write_block /dev/mapper/h 100
dmsetup suspend --noflush --nolockfs leg
sleep 3
check "the region of a leg that cannot be flushed stays dirty" \
	[ "$(log_clean /dev/mapper/hlog $REGIONS)" -lt $REGIONS ]

write_block /dev/mapper/o 100
check "another mirror's clears go on" until_true 10 log_is_clean /dev/mapper/olog $REGIONS
check "another mirror is suspended" ends_within 5 dmsetup suspend o
dmsetup resume o
check "and serves again" write_block /dev/mapper/o 200

suspend_start=$(cut -d' ' -f1 /proc/uptime)
if ends_within 5 dmsetup suspend --noflush --nolockfs h; then
	pass "the mirror of the hung leg is suspended within 5 s"
else
	fail "the mirror of the hung leg is suspended within 5 s"
	dmsetup resume leg
	exit 1
fi
figure "suspend $(awk -v s="$suspend_start" '{ print $1 - s }' /proc/uptime) s"
if ! on_kernel_log; then
	check "what could not be flushed is dirty still" \
		[ "$(log_clean /dev/mapper/hlog $REGIONS)" -lt $REGIONS ]
fi
dmsetup load h --table "$(mirror_table dirtylogd $SECTORS /dev/mapper/hlog 128 "$A" "$B@65536" dl-h)"
check "the table without the leg takes its place" ends_within 5 dmsetup resume h
check "a write to it ends well" ends_within 5 write_block /dev/mapper/h 101
wait_sync h 30
check "the log of that mirror is clean in the end" until_true 10 log_is_clean /dev/mapper/hlog $REGIONS
rm_mirror h
rm_mirror o
on_kernel_log || check "no log is left" until_true 5 no_logs
on_kernel_log || check "its log device can be removed" dmsetup remove hlog

kernel_quiet
check "daemon alive" daemon_lives

# The flush that hangs keeps the process from going, not its work from ending.
if ! on_kernel_log; then
	kill -TERM "$DAEMON_PID"
	check "the server ends though a leg hangs" until_true 10 grep -q 'dirtylogd: info: ended' $DAEMON_LOG
fi
dmsetup resume leg
check "the leg can be removed" until_true 5 dmsetup remove leg
on_kernel_log || check "the process is gone" until_true 10 daemon_gone
