# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: a log device that has died while no server ran: the mirror reads on, and gets another log
# disks: a=64M b=64M log=64M log2=64M
# timeout: 120
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b)
on_kernel_log && exit 0
modprobe dm-flakey
dmsetup create logd --table "0 131072 linear $(dev log) 0"
start_daemon --supervise no --io-retry 1 || exit 1
mk_mirror m dirtylogd 131072 /dev/mapper/logd 1024 "$A" "$B" nosync || exit 1
sleep 1
write_block /dev/mapper/m 100
sleep 1 # its CLEAR too: a request in hand would cost the kernel 15 s
kill_daemon
dmsetup suspend --noflush --nolockfs logd
dmsetup load logd --table "0 131072 error"
dmsetup resume logd
start_daemon --supervise no --io-retry 1 || exit 1

check "reads go on" timeout 25 dd if=/dev/mapper/m of=/dev/null bs=4096 count=1 skip=200 iflag=direct
equal "the log is dead, the legs are not" "$(leg_states m) $(log_status m)" "AA 3 disk $(dev_number /dev/mapper/logd) D"
# Nothing is in sync now: writes go to leg 0, and the log has no say in them.
check "writes go on" timeout 10 dd if=/dev/urandom of=/dev/mapper/m bs=4096 count=1 seek=300 oflag=direct conv=notrunc
check "suspend without flush ends" timeout 10 dmsetup suspend --noflush m
check "another log" dmsetup load m --table "$(mirror_table dirtylogd 131072 "$(dev log2)" 1024 "$A" "$B" dl-m)"
check "resume" timeout 20 dmsetup resume m
equal "the new log is alive" "$(log_status m)" "3 disk $(dev_number "$(dev log2)") A"
wait_sync m 60
rm_mirror m
check "legs identical" legs_identical "$A" "$B" 64
check "daemon alive" daemon_lives
