# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: the kernel's own mirror, without dirtylogd: who is killed while he suspends it leaves it without a resync for ever
# disks: a=64M b=64M log=8M
# timeout: 100
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

# Why children that suspend are killed by none of ours, and docs/operations.md says that nobody else should. dm-mirror has
# nothing that undoes a presuspend: if this fails one day, a kernel has.
A=$(dev a) B=$(dev b) LOG=$(dev log)
modprobe dm-delay
dmsetup create slow --table "0 65536 delay $B 0 $((3000 * SLOW))"
mk_mirror m kernel 65536 "$LOG" 128 "$A" /dev/mapper/slow nosync || exit 1
is_suspended() { dmsetup info -c --noheadings -o suspended m | grep -q Suspended; }
waits_for_recovery() { grep -q dm_rh_stop_recovery "/proc/$suspending/wchan"; }

dd if=/dev/zero of=/dev/mapper/m bs=4k count=1 oflag=direct 2>/dev/null &
writing=$!
sleep 0.5
dmsetup suspend --noflush m &
suspending=$!
sleep 0.5
kill -KILL $suspending
wait $suspending
wait $writing
check_not "the first suspends it" is_suspended
dmsetup suspend --noflush m &
suspending=$!
check "the second waits for what is stopped already" until_true 10 waits_for_recovery
sleep 5
check "and for ever" waits_for_recovery
check_not "it is never suspended" is_suspended
