# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: the two bpftrace scripts of docs/tracing.md, on a mirror that is written: what they print, beside the counters
# quick: no
# timeout: 700
# debian: dkms linux-headers bpftrace
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

check "installed" dpkg -i /job/dirtylogd.deb
check "serves" until_true 20 dirtylogctl stats
make_vg vg d0 d1 d2
make_mirror vg/a 96M disk
lvchange -q --monitor n vg/a # a log that has failed would be repaired
by_hand vg-a
check "in sync" until_true 60 sh -c "dmsetup status vg-a | grep -q ' 192/192 '"
device=$(lsblk -no MAJ:MIN /dev/mapper/vg-a_mlog | head -n 1 | tr -d ' ')

start_script() { # NAME
	bpftrace "/usr/share/dirtylogd/$1.bt" >/tmp/said 2>/tmp/complained &
	SCRIPT=$!
	check "$1 is compiled" until_true 120 grep -q Attaching /tmp/said
	check "$1 is attached" until_true 120 attached
}
# It says how many probes it attaches, and not when that is done. Some are at more than one place.
places() { find "/proc/$SCRIPT/fd" -lname '*perf_event*' 2>/dev/null | wc -l; }
attached() {
	local before
	before=$(places)
	sleep 3
	[ "$before" -ge "$(sed -n 's/^Attaching \([0-9]*\) probe.*/\1/p' /tmp/said)" ] && [ "$(places)" = "$before" ]
}
has_ended() { ! kill -0 "$SCRIPT" 2>/dev/null; }
end_script() {
	kill -INT "$SCRIPT"
	if ! until_true 90 has_ended; then # it says where it hangs
		cat "/proc/$SCRIPT/status" "/proc/$SCRIPT/stack" "/proc/$SCRIPT/wchan"
		ps -eLo pid,tid,stat,pcpu,wchan:32,comm | awk '$3 !~ /^[SI]/ || /dirtylogd|bpftrace/'
		kill -KILL "$SCRIPT"
	fi
	wait "$SCRIPT"
	equal "it ends well" "$?" 0
	equal "and complains of nothing" "$(cat /tmp/complained)" ""
	cat /tmp/said
}
counter() { dirtylogctl stats | awk -v name="$1" '$1 == name { print $2 }'; }
# The numbers of a histogram's classes, "[4, 8)  17 |@@@ |", together.
in_histogram() { # NAME
	awk -v name="$1: " '$0 == name { on = 1; next } on && NF == 0 { exit }
		on { sub(/^.*[])]/, ""); n += $1 } END { print n + 0 }' /tmp/said
}
writes() { # COUNT
	fio --name=io --filename=/dev/vg/a --direct=1 --rw=randrw --bs=4k --iodepth=1 --number_ios="$1" --thinktime=2ms \
		--output=/run/fio.out >/dev/null
}

start_script latency
before_in_sync=$(counter in_sync) before_flush=$(counter flush)
writes 400
in_sync=$(($(counter in_sync) - before_in_sync)) flush=$(($(counter flush) - before_flush))
end_script
at_least "requests for in_sync" "$in_sync" 100
at_least "of them in the histogram" "$(in_histogram '@usecs[in_sync]')" "$in_sync"
at_least "those for flush, too" "$(in_histogram '@usecs[flush]')" "$flush"
equal "nothing but histograms is printed" "$(grep '^@' /tmp/said | grep -cv '^@usecs\[[a-z_]*\]: $')" 0

start_script flushes
writes 200
sleep 8 # until no region is hot: a write to one would not need the log
dmsetup reload vg-a_mlog --table "0 $(blockdev --getsz /dev/mapper/vg-a_mlog) error"
dmsetup suspend --noflush vg-a_mlog
dmsetup resume vg-a_mlog
writes 20 &
check "the log has failed" until_true 60 sh -c "dmsetup status vg-a | grep -q ' D\$'"
end_script
flushes=$(in_histogram "@requests[${device/:/, }]")
at_least "flushes of the log device" "$flushes" 10
at_least "each took some time" "$(in_histogram "@usecs[${device/:/, }]")" "$((flushes - 1))"
at_least "errors" "$(awk -v name="@errors[${device/:/, }]:" 'index($0, name) == 1 { print $NF }' /tmp/said)" 1
# The held writes end with the mirror, so that this guest can.
dmsetup reload vg-a --table "0 $(blockdev --getsz /dev/vg/a) error"
dmsetup suspend --noflush vg-a
dmsetup resume vg-a
wait
