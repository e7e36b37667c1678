# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: dirtylogctl adopt puts the module's log in front of a mirror that is written, and takes it away
# disks: a=64M b=64M log=64M
# needs: module
# quick: no
# timeout: 240
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh
on_kernel_log && exit 0 # the tool is ours

A=$(dev a) B=$(dev b) LOG=$(dev log)
SECTORS=131072
has_table() { # WORDS
	case $(dmsetup table m) in
	*" mirror $1"*) return 0 ;;
	*) return 1 ;;
	esac
}
start_daemon --clear-delay 1 || exit 1
mk_mirror m kernel $SECTORS "$LOG" 128 "$A" "$B" nosync || exit 1
fio_run adopt --filename=/dev/mapper/m --rw=randrw --rwmixread=30 --runtime=25 --time_based --iodepth=4 \
	--verify=crc32c --verify_backlog=64 --verify_fatal=1 &
fio=$!
sleep 1
check "adopted" dirtylogctl adopt m
check "with the front log" has_table "cached 6 userspace m integrated_flush disk "
# It leaves out what device-mapper does not tell it within its 2 s.
status_tells() { dirtylogctl status | grep -q "cached>"; }
check "status tells" until_true 5 status_tells
sleep 2
check "in sync, nothing was copied" in_sync m
check "without it" dirtylogctl adopt --plain m
check "plain" has_table "userspace 5 m integrated_flush disk "
sleep 2
check "in sync, nothing was copied" in_sync m
check "with it again" dirtylogctl adopt m
check "with the front log" has_table "cached 6 userspace m "
sleep 1
check "nothing to do" sh -c 'dirtylogctl adopt m | grep -q "has dirtylogd.s log already"'
sleep 2
check "released" dirtylogctl release m
check "on the kernel's log" has_table "disk 2 "
check "in sync, nothing was copied" in_sync m
check "adopted again" dirtylogctl adopt m
check "resync from behind it" dirtylogctl resync m
check "still with the front log" has_table "cached 6 userspace m "
wait $fio
check "fio verify without an error" fio_ok adopt
figure "adopt slowest write $(fio_field adopt write_max) us"
wait_sync m 60

# A resync that is held back goes on though what is read first is known in sync, and asked of nobody.
dirtylogctl set resync-rate 1M >/dev/null
check "resync at a rate" dirtylogctl resync m
sleep 3
then=$(sync_done m)
sleep 5
at_least "it goes on, and nobody reads or writes" $(($(sync_done m) - then)) 30
dirtylogctl set resync-rate 0 >/dev/null
wait_sync m 60
rm_mirror m
check "legs identical" legs_identical "$A" "$B" 64
check "daemon alive" daemon_lives
kernel_quiet
