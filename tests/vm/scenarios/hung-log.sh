# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: a log device that never answers: its mirror can be suspended, given another log, and removed
# disks: a=64M b=64M log=64M
# timeout: 200
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

on_kernel_log && exit 0 # it waits for its device

A=$(dev a) B=$(dev b)
SECTORS=32768
REGIONS=256
dmsetup create hlog --table "0 2048 linear $(dev log) 0"
dmsetup create xlog --table "0 2048 linear $(dev log) 2048"

start_daemon --clear-delay 2 || exit 1

# An idle mirror, whose clear cannot be written.
mk_mirror h dirtylogd $SECTORS /dev/mapper/hlog 128 "$A" "$B" nosync || exit 1
sleep 2
write_block /dev/mapper/h 100
dmsetup suspend --noflush --nolockfs hlog
sleep 6
check "idle: suspended while its log hangs" ends_within 10 dmsetup suspend --noflush --nolockfs h
dmsetup load h --table "$(mirror_table dirtylogd $SECTORS /dev/mapper/xlog 128 "$A" "$B" dl-h)"
check "idle: another log takes its place" ends_within 10 dmsetup resume h
check "idle: a write to it ends well" ends_within 5 write_block /dev/mapper/h 101
dmsetup resume hlog
wait_sync h 60
check "idle: its log is clean in the end" until_true 20 log_is_clean /dev/mapper/xlog $REGIONS
check "idle: the log that hung can be removed" until_true 10 dmsetup remove hlog
rm_mirror h

# One with a write that waits for its mark.
dmsetup create hlog --table "0 2048 linear $(dev log) 0"
mk_mirror h dirtylogd $SECTORS /dev/mapper/hlog 128 "$A" "$B" nosync || exit 1
sleep 2
dmsetup suspend --noflush --nolockfs hlog
write_block /dev/mapper/h 100 &
hung_write=$!
sleep 1
check "busy: removed or repaired while its log hangs" ends_within 30 dmsetup suspend --noflush --nolockfs h
dmsetup load h --table "$(mirror_table dirtylogd $SECTORS /dev/mapper/xlog 128 "$A" "$B" dl-h)"
check "busy: another log takes its place" ends_within 10 dmsetup resume h
check "busy: the write ends" until_true 20 gone $hung_write
dmsetup resume hlog
rm_mirror h

# One that is to change hands while its log hangs: it would be suspended for as long, and so it is left as it is.
wipe "$(dev log)"
is_running() { dmsetup info m | grep -q ACTIVE; }
has_log() { dmsetup table m | grep -q " mirror $1 "; }
refused() { # COMMAND...: within 10 s, for the device that hangs
	ends_within 10 "$@" >/tmp/refused.out 2>&1 && grep -q "does not answer, and it would stay suspended" /tmp/refused.out
}
mk_mirror m dirtylogd $SECTORS /dev/mapper/hlog 128 "$A" "$B" nosync || exit 1
sleep 2
dmsetup suspend --noflush --nolockfs hlog
check "swap: not released to a log that hangs" refused dirtylogctl release m
check "swap: it is not suspended" is_running
check "swap: and is dirtylogd's" has_log userspace
dmsetup resume hlog
check "swap: released when its log answers" ends_within 20 dirtylogctl release m
check "swap: it has the kernel's log" has_log disk
dmsetup suspend --noflush --nolockfs hlog
check "swap: not adopted from a log that hangs" refused dirtylogctl adopt --plain m
check "swap: it is not suspended either" is_running
check "swap: and is the kernel's" has_log disk
dmsetup resume hlog
check "swap: adopted when its log answers" ends_within 20 dirtylogctl adopt --plain m
rm_mirror m

# One whose log hangs when dirtylogd comes back.
wipe "$(dev log)"
mk_mirror h dirtylogd $SECTORS /dev/mapper/hlog 128 "$A" "$B" nosync || exit 1
sleep 2
dmsetup suspend --noflush --nolockfs hlog
kill -STOP "$DAEMON_PID"
kill -KILL "$(server_pid)" "$DAEMON_PID"
wait "$DAEMON_PID" 2>/dev/null
start_daemon --clear-delay 2 || exit 1
write_block /dev/mapper/h 100 &
hung_write=$!
reconnecting() { dirtylogctl logs | grep -q opening || dirtylogctl logs | grep -q dl-h; }
check "restarted: the mirror reconnects" until_true 20 reconnecting
check "restarted: suspended while its log hangs" ends_within 40 dmsetup suspend --noflush --nolockfs h
dmsetup load h --table "$(mirror_table dirtylogd $SECTORS /dev/mapper/xlog 128 "$A" "$B" dl-h)"
check "restarted: another log takes its place" ends_within 10 dmsetup resume h
check "restarted: the write ends" until_true 20 gone $hung_write
dmsetup resume hlog
rm_mirror h

# One whose log hangs when it is resumed for the first time: that waits, as with the kernel's log, and nothing else.
wipe "$(dev log)"
dmsetup suspend --noflush --nolockfs hlog
dmsetup create h --notable
dmsetup load h --table "$(mirror_table dirtylogd $SECTORS /dev/mapper/hlog 128 "$A" "$B" dl-h nosync)"
dmsetup resume h &
hung_resume=$!
sleep 2
check "resumed: its status is told while its log hangs" ends_within 5 dmsetup status h
check "resumed: and its table" ends_within 5 dmsetup table h
check_not "resumed: the resume waits" gone $hung_resume
dmsetup resume hlog
check "resumed: and ends when the log answers" until_true 20 gone $hung_resume
check "resumed: a write to it ends well" ends_within 5 write_block /dev/mapper/h 101
rm_mirror h
check "no log is left" until_true 10 no_logs
check "daemon alive" daemon_lives
