# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: a log device that dies while all regions are hot: said by D, the journal, status and events; then another table
# quick: no
# timeout: 500
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

make_vg vg d0 d1 d2
lvcreate -q -y --type mirror -m 1 --mirrorlog disk --nosync -R 512k -L 96M -n a vg "$(disk d0)" "$(disk d1)" "$(disk d2)" >/dev/null
lvchange -q --monitor n vg/a # it would be repaired before anybody looks
by_hand vg-a
equal "on dirtylogd" "$(log_type vg-a)" userspace
check "in sync" until_true 60 sh -c "dmsetup status vg-a | grep -q ' 192/192 '"

device=$(lsblk -no MAJ:MIN /dev/mapper/vg-a_mlog | head -n 1 | tr -d ' ')
writes_to_log() { awk '{ print $5 }' "/sys/dev/block/$device/stat"; }
another_table() { # DM_NAME TABLE
	dmsetup reload "$1" --table "$2" && dmsetup suspend --noflush "$1" && dmsetup resume "$1"
}

# One region, which stays dirty all the time: no write needs the log.
fio --name=hot --filename=/dev/vg/a --direct=1 --rw=randwrite --bs=4k --size=256k --thinktime=10ms --time_based --runtime=400 \
	--output-format=json --output=/run/fio.json >/run/fio.out 2>&1 &
FIO=$!
dirtylogctl events >/tmp/events 2>&1 &
events=$!
sleep 12
before=$(writes_to_log)
sleep 20
figure "writes to the log in 20 s of writes to one region: $(($(writes_to_log) - before))"
at_most "of them not for a probe" $(($(writes_to_log) - before)) 4
equal "is well" "$(dmsetup status vg-a | awk '{ print $NF }')" A
dirtylogctl status vg/a
equal "status says so" "$?" 0

good=$(dmsetup table vg-a_mlog)
start=$(now)
since=$(date +%s)
another_table vg-a_mlog "0 $(blockdev --getsz /dev/mapper/vg-a_mlog) error"
failed() { dmsetup status vg-a | grep -Eq ' 1 AA .* D$'; }
check "D is seen" until_true 60 failed
took=$(elapsed_since "$start")
figure "seen $took s behind the death"
at_most "seconds until it is seen" "$took" 35
dmsetup status vg-a
dirtylogctl status vg/a >/tmp/said
equal "status fails" "$?" 2
cat /tmp/said
check "and says what" grep -Eq '^vg/a .*\(failed\).*Input/output error' /tmp/said
said() { journalctl -u dirtylogd --since "@$since" --no-pager "$@"; }
check "the journal says it" grep -q "log device .* has failed" <(said -o cat)
equal "for programs" "$(said -o json MESSAGE_ID=907ba53a5999432a97371610d3e2914a | jq -r .DIRTYLOGD_DEVICE)" "$device"
told() { systemctl show -P StatusText dirtylogd | grep -q "1 failed"; }
check "systemctl status says it" until_true 10 told
heard() { grep -q failed /tmp/events; }
check "events say it" until_true 10 heard
cat /tmp/events
kill $events

# The device works again, and so that nothing is lost the mirror holds what it cannot note until it gets another table.
another_table vg-a_mlog "$good"
check "D stays" failed
another_table vg-a "$(dmsetup table vg-a | awk '{ for (i = 5 + $5; i > 5; i--) if ($i ~ /^(no)?sync$/) { $i = ""; $5-- }
	gsub(/ +/, " ") } { print }')"
well() { dmsetup status vg-a | grep -Eq ' ([0-9]+)/\1 1 AA .* A$'; }
check "well with another table" until_true 60 well
dirtylogctl status vg/a
equal "status says so" "$?" 0
figure "slowest write: $(slowest_write) ms"
equal "no write has failed" "$(sed -n '/^{/,$p' /run/fio.json | jq '.jobs[0].error')" 0
