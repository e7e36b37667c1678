# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: the log device is renamed while no server runs, and another volume gets its name
# disks: a=64M b=64M log=64M victim=64M
# timeout: 150
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b)
REGIONS=128
on_kernel_log && exit 0
dmsetup create logd --table "0 131072 linear $(dev log) 0"
dmsetup create victim --table "0 131072 linear $(dev victim) 0"
dd if=/dev/urandom of="$(dev victim)" bs=1M count=2 oflag=direct 2>/dev/null
victim_sum() { leg_sum "$(dev victim)" 1 0 2; }
before=$(victim_sum)
start_daemon --supervise no --clear-delay 3600 || exit 1
mk_mirror m dirtylogd 131072 /dev/mapper/logd 1024 "$A" "$B" nosync || exit 1
number=$(dev_number /dev/mapper/logd)
sleep 1
write_block /dev/mapper/m 128
kill_daemon
dmsetup rename logd moved
dmsetup rename victim logd
start_daemon --supervise no --clear-delay 3600 || exit 1

check "a write goes on" timeout 20 dd if=/dev/urandom of=/dev/mapper/m bs=4096 count=1 seek=1280 oflag=direct conv=notrunc
equal "the log is the device that it was" "$(log_status m)" "3 disk $number A"
equal "the volume with its name is as it was" "$(victim_sum)" "$before"
equal "dirty regions" "$(log_dirty "$(dev log)" $REGIONS | tr '\n' ' ')" "1 10 "
wait_sync m 40
rm_mirror m
check "clean in the end" log_is_clean "$(dev log)" $REGIONS
equal "the volume is as it was in the end" "$(victim_sum)" "$before"
check "legs identical" legs_identical "$A" "$B" 64
kill_daemon

# Its volume gets another table while no server runs, as LVM's when it is extended or moved: the same log device still.
start_daemon --clear-delay 3600 || exit 1
mk_mirror n dirtylogd 131072 /dev/mapper/moved 1024 "$A" "$B" nosync || exit 1
write_block /dev/mapper/n 128
SERVER=$(server_pid)
kill -STOP "$DAEMON_PID"
kill -KILL "$SERVER"
printf '0 65536 linear %s 0\n65536 65536 linear %s 65536\n' "$(dev log)" "$(dev log)" | dmsetup reload moved
dmsetup suspend moved
dmsetup resume moved
kill -CONT "$DAEMON_PID"
check "another server" until_true 20 another_server "$SERVER"
equal "its volume has another table: the log goes on" "$(log_status n)" "3 disk $number A"
check "and a write" ends_within 10 write_block /dev/mapper/n 1280
equal "dirty regions" "$(log_dirty "$(dev log)" $REGIONS | tr '\n' ' ')" "1 10 "
rm_mirror n
check "daemon alive" daemon_lives
