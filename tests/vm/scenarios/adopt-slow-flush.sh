# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: the kernel's log writes its bits once more, long behind an adoption, since a leg is slow to flush: they are written over
# disks: log=8M
# quick: no
# timeout: 240
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh
on_kernel_log && exit 0 # the tool is ours

LOG=$(dev log)
REGIONS=512
modprobe null_blk nr_devices=2 memory_backed=1 cache_size=64 gb=1
modprobe dm-delay
A=/dev/nullb0
# Two writes are on their way when the mirror is suspended, and end one behind the other. kmirrord clears the first's
# region, for which leg B is flushed; the suspension flushes it too, and ends with that; and only then kmirrord clears the
# second's region, has leg B flushed once more, and writes: behind all that dirtylogd writes again of itself.
dmsetup create slow --table "0 65536 delay /dev/nullb1 0 0 /dev/nullb1 0 10000 /dev/nullb1 0 20000"
start_daemon --clear-delay 1000 || exit 1
mk_mirror m kernel 65536 "$LOG" 128 $A /dev/mapper/slow nosync || exit 1
has_log() { dmsetup table m | grep -q " mirror $1 "; }
is_dirty() { log_dirty "$LOG" $REGIONS | grep -qx "$1"; } # REGION

write_block /dev/mapper/m $((1 * 16)) &
first=$!
check "the first write is marked, and on its way" until_true 40 is_dirty 1
sleep 1
write_block /dev/mapper/m $((3 * 16)) &
second=$!
check "and so is the second" until_true 5 is_dirty 3
dirtylogctl adopt --plain m >/tmp/adopt.out 2>&1 &
adopting=$!
check "it runs with dirtylogd's log" until_true 60 has_log userspace
write_block /dev/mapper/m $((5 * 16)) &
third=$!
check "what is written is dirty on the device" until_true 10 is_dirty 5
sleep 8
check "the tool waits for the kernel's log to go" test -d "/proc/$adopting"
check "and it goes" until_true 60 gone $adopting
check "adopted" wait $adopting
check "the first write ends" until_true 40 gone $first
check "the second too" until_true 40 gone $second
check "and that to dirtylogd's mirror" until_true 40 gone $third
check "what is written is dirty on the device behind the kernel's last pass" is_dirty 5
removed() { dmsetup remove "$1" 2>/dev/null; }
check "it can be removed" until_true 60 removed m
check "and so can its leg" until_true 60 removed slow # whose flushes it waits for
