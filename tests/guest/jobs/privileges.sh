# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: each capability of the unit is needed, and no other; what the unit forbids is forbidden
# quick: no
# timeout: 400
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

# --- capabilities: of docs/security.md, each taken away in turn

unit=/usr/lib/systemd/system/dirtylogd.service
[ -e $unit ] || unit=/lib/systemd/system/dirtylogd.service
granted=$(sed -n 's/^CapabilityBoundingSet=//p' $unit)
drop_in=/run/systemd/system/dirtylogd.service.d
mkdir -p $drop_in

start_without() { # CAPABILITY...
	local capability left=$granted
	for capability; do left=${left//$capability/}; done
	systemctl stop dirtylogd
	printf '[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=%s\n' "$left" >$drop_in/capabilities.conf
	systemctl daemon-reload
	since=$(date '+%F %T')
	systemctl start --no-block dirtylogd
	until_true 10 dirtylogctl stats >/dev/null
}
says() { journalctl -u dirtylogd --since "$since" -o cat --no-pager | grep -q "$1"; }
mirror() { # NAME
	dmsetup create "$1" --table \
		"0 65536 mirror userspace 4 LOG-$1 core 1024 nosync 2 $(disk d0) 0 $(disk d1) 0 1 handle_errors"
}

start_without
check "with all of them: a mirror is made" mirror all
dmsetup remove all
check_not "nothing is complained of" says 'cannot be locked\|not an I/O flusher\|receive buffer is\|must run as root'

# Nothing ends it but an answer.
start_without CAP_SYS_ADMIN
mirror none &
making=$!
check "without CAP_SYS_ADMIN the kernel hears no answer" until_true 40 sh -c 'dmesg | grep "LOG-none.*timed out"'
check "and no mirror is made" test -d /proc/$making
start_without
wait $making # it fails, or the one that has just come answers
dmsetup remove none 2>/dev/null
check "with it one is" mirror other
dmsetup remove other
start_without CAP_NET_ADMIN
check "without CAP_NET_ADMIN the receive buffer is small, or the group is closed" says 'receive buffer is\|Operation not permitted'
start_without CAP_SYS_RESOURCE
check "without CAP_SYS_RESOURCE it is no I/O flusher" says 'not an I/O flusher'
rm -r $drop_in
systemctl daemon-reload
systemctl restart dirtylogd
check "as before" until_true 20 dirtylogctl stats

# --- the sandbox: what a shell in it may not do, and may without it

sed -e '/^Exec\|^Type\|^NotifyAccess\|^Restart=\|^RestartSec\|^WatchdogSec\|^FileDescriptorStoreMax\|^KillMode\|^\[Install\]\|^WantedBy/d' \
	-e 's|^\[Service\]|&\nType=oneshot\nExecStart=-/bin/bash /run/tries /run/confined|' $unit >/run/systemd/system/tries.service
# The guest has no other address to send to.
addresses() { systemctl show -P "IPAddress$1" dirtylogd | tr ' ' '\n' | LC_ALL=C sort | tr '\n' ' '; }
equal "of the network it sees this host" "$(addresses Allow)" "127.0.0.0/8 ::1/128 "
equal "and nothing else" "$(addresses Deny)" "0.0.0.0/0 ::/0 "
cat >/run/tries <<'TRIES'
try() { # NAME COMMAND...
	local name=$1
	shift
	if "$@" >/dev/null 2>&1; then echo "$name yes"; else echo "$name no"; fi
}
# mmap(2) of memory that can be written and executed
write_and_execute() { perl -e 'exit(syscall(9, 0, 4096, 7, 0x22, -1, 0) == -1)'; }
{
	try writes_var touch /var/lib/tried
	try writes_etc touch /etc/tried
	try writes_run touch /run/tried
	try sees_home test -r /root/.
	try reads_disk dd if=/dev/vda of=/dev/null bs=512 count=1
	try reads_memory dd if=/dev/mem of=/dev/null bs=1 count=1
	try mounts mount -t tmpfs none /mnt
	try makes_namespace unshare -n true
	try loads_module modprobe -q ifb
	try writes_and_executes write_and_execute
	try sends_inside bash -c 'echo >/dev/udp/127.0.0.1/9'
	try opens_packets perl -e 'use Socket; socket(my $s, 17, SOCK_RAW, 0) or exit 1'
	try sets_clock date -s @1800000000
	try traces perl -e 'exit(syscall(101, 0, 0, 0, 0) == -1)'
} >"$1"
TRIES
may() { grep -q "^$2 yes$" "/run/$1"; } # free|confined NAME
systemctl daemon-reload
systemctl start tries
cat /run/confined
clock=$(date +%s)
bash /run/tries /run/free
date -s "@$((clock + 60))" >/dev/null
umount /mnt
for what in writes_run reads_disk sends_inside; do
	check "in the sandbox: $what" may confined $what
done
for what in writes_var writes_etc sees_home reads_memory mounts makes_namespace loads_module writes_and_executes opens_packets \
	sets_clock traces; do
	check "outside of it: $what" may free $what
	check_not "in it: $what" may confined $what
done
