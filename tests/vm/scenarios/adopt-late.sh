# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: dirtylogctl adopt is held up by a leg, and dirtylogd is stopped meanwhile: the mirror keeps the kernel's log
# disks: a=64M b=64M log=8M
# quick: no
# timeout: 120
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh
on_kernel_log && exit 0 # the tool is ours

A=$(dev a) B=$(dev b) LOG=$(dev log)
start_daemon || exit 1
# Its writes take so long that it is held up, and its reads do not: a leg that does not answer at all is seen before.
modprobe dm-delay
dmsetup create leg --table "0 65536 delay $B 0 0 $B 0 20000"
mk_mirror m kernel 65536 "$LOG" 128 "$A" /dev/mapper/leg nosync || exit 1
has_loaded() { dmsetup table --inactive --target mirror | grep -q userspace; }
has_log() { dmsetup table m | grep -q " mirror $1 "; }

dd if=/dev/zero of=/dev/mapper/m bs=4k count=1 oflag=direct 2>/dev/null &
writing=$!
sleep 1
dirtylogctl adopt --plain m >/tmp/adopt.out 2>&1 &
adopting=$!
# Whoever removes the package sees a mirror that will be dirtylogd's.
check "it has loaded its table" until_true 20 has_loaded
sleep 2
check "and waits for the write" test -d "/proc/$adopting"
check "dirtylogd is stopped" stop_daemon
check_not "not adopted" wait $adopting
check "and that is said" grep -q "its state has changed\|no dirtylogd serves\|the kernel does not take" /tmp/adopt.out
check "on the kernel's log" has_log disk
check "the write has ended" wait $writing
reload leg "0 65536 linear $B 0"
check "it is written" ends_within 20 dd if=/dev/zero of=/dev/mapper/m bs=4k count=1 oflag=direct
dmsetup remove m
dmsetup remove leg
