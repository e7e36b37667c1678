# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: many log devices on a disk that never answers, and takes no more requests: others notice little
# disks: a=64M b=64M log=64M
# timeout: 240
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

on_kernel_log && exit 0 # it has no server to be killed

A=$(dev a) B=$(dev b)
SECTORS=2048
HUNG=24 # more than the disk takes, by more than io_uring has threads for

modprobe loop
dmsetup create base --table "0 65536 linear $(dev log) 0"
dmsetup create olog --table "0 2048 linear $(dev log) 65536"
losetup /dev/loop0 /dev/mapper/base
echo 4 >/sys/block/loop0/queue/nr_requests
start_daemon --clear-delay 1 --workers 1 || exit 1
i=0
while [ $i -lt $HUNG ]; do
	dmsetup create hlog$i --table "0 64 linear /dev/loop0 $((i * 64))"
	mk_mirror h$i dirtylogd $SECTORS /dev/mapper/hlog$i 128 "$A@$((i * SECTORS))" "$B@$((i * SECTORS))" nosync || exit 1
	i=$((i + 1))
done
mk_mirror o dirtylogd $SECTORS /dev/mapper/olog 128 "$A@65536" "$B@65536" nosync || exit 1
sleep 2
check "the other mirror is written at first" ends_within 5 write_block /dev/mapper/o 1

dmsetup suspend --noflush --nolockfs base
i=0
hung_writes=
while [ $i -lt $HUNG ]; do
	write_block /dev/mapper/h$i 100 &
	hung_writes="$hung_writes $!"
	i=$((i + 1))
done
sleep 2
check "the other mirror is written" ends_within 5 write_block /dev/mapper/o 100
check "its clears go on" until_true 15 log_is_clean /dev/mapper/olog 16

SERVER=$(server_pid)
kill -KILL "$SERVER"
check "another server within 10 s" until_true 10 another_server "$SERVER"
check "the other mirror is written after a kill" ends_within 5 write_block /dev/mapper/o 200
check "its clears go on after a kill" until_true 15 log_is_clean /dev/mapper/olog 16
check "the other mirror is suspended" ends_within 5 dmsetup suspend o
dmsetup resume o
check "and serves again" ends_within 5 write_block /dev/mapper/o 150

dmsetup resume base
for hung_write in $hung_writes; do
	check "a write ends when its log answers" until_true 30 gone "$hung_write"
done
i=0
while [ $i -lt $HUNG ]; do
	equal "legs and log are alive" "$(leg_states h$i) $(log_status h$i)" \
		"AA 3 disk $(dev_number /dev/mapper/hlog$i) A"
	rm_mirror h$i
	dmsetup remove hlog$i
	i=$((i + 1))
done
rm_mirror o
kernel_quiet_but 'device-mapper: dm-log-userspace: .*(Userspace log server not found|timed out|No reply)'
check "daemon alive" daemon_lives
