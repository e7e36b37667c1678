# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: a restart of dirtylogd under a mirror with a dead leg and a held write: the write is not lost
# disks: a=64M b=64M log=64M
# timeout: 200
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) LOG=$(dev log)
B=/dev/mapper/legb
dmsetup create legb --table "0 131072 linear $(dev b) 0"
start_daemon --supervise no || exit 1
mk_mirror m dirtylogd 131072 "$LOG" 128 "$A" $B nosync || exit 1
sleep 2
check "in sync at first" in_sync m

dmsetup suspend --noflush --nolockfs legb
dmsetup load legb --table "0 131072 error"
dmsetup resume legb
head -c 4096 /dev/urandom >/tmp/block
dd if=/tmp/block of=/dev/mapper/m bs=4096 count=1 seek=1000 oflag=direct conv=notrunc 2>/tmp/dd.out &
writer=$!
writer_waits() { kill -0 $writer 2>/dev/null; }
leg_is_dead() { [ "$(leg_states m)" = AD ]; }
check "the leg is dead" until_true 10 leg_is_dead
sleep 1
check "the write is held" writer_waits

# What brings the kernel to reconnect is any question; a read asks IN_SYNC.
kill_daemon
start_daemon --supervise no
read_block /dev/mapper/m 1 &
on_kernel_log || {
	resumed() { dirtylogctl stats | awk '$1 == "resume" { exit !($2 >= 1) }'; }
	check "the kernel has made its log again" until_true 20 resumed
}
sleep 6
check "the write is held still" writer_waits
equal "the leg is dead still" "$(leg_states m)" AD
# The repair: a table without the dead leg. What is held is requeued to it.
dmsetup suspend --noflush --nolockfs m
dmsetup load m --table "0 131072 linear $A 0"
dmsetup resume m
wait $writer
equal "the held write ends well" $? 0
dd if="$A" of=/tmp/back bs=4096 count=1 skip=1000 iflag=direct 2>/dev/null
check "and its data is there" cmp -s /tmp/block /tmp/back
rm_mirror m

# A leg that is alive again: then the mirror is cycled, which is how the kernel learns of regions to resync. Somebody
# else has the device at first, for longer than the child waits: it is tried again.
if ! on_kernel_log; then
	dmsetup suspend --noflush --nolockfs legb
	dmsetup load legb --table "0 131072 linear $(dev b) 0"
	dmsetup resume legb
	wipe "$LOG"
	mk_mirror n dirtylogd 131072 "$LOG" 128 "$A" $B nosync || exit 1
	sleep 1
	fio_run n --filename=/dev/mapper/n --rw=randwrite --runtime=4 --time_based --iodepth=4 &
	fio=$!
	sleep 2
	kill_daemon
	flock /run/dirtylogd/device-n sleep 35 &
	start_daemon --supervise no
	wait $fio
	cycled() { [ "$(dirtylogctl stats | awk '$1 == "resume" { print $2 }')" -ge 2 ]; }
	check "the first try leaves it alone" until_true 40 grep -q "mirror .* left alone: its lock" $DAEMON_LOG
	check "a mirror that is well is suspended and resumed" until_true 60 cycled
	wait_sync n 40
	rm_mirror n
fi
check "daemon alive" daemon_lives
