unit_test(histogram load m)
unit_test(mirror_script load)
unit_test(mirror_set load)
unit_test(runner load)
unit_test(server_process load)
unit_test(slow_device load)

# The daemon under load: every answer is checked, and with ThreadSanitizer every access too. Without a
# supervisor, so that a server that ends is an end; where it has one, a sanitizer's words are a failure.
function(load_test_with daemon_options name)
	add_test(NAME load_${name} COMMAND dirtylog-load
		"--spawn=$<TARGET_FILE:dirtylogd> --log-level error ${daemon_options}" --quiet --warmup 0
		--lost-after 20 ${ARGN})
	set_tests_properties(load_${name} PROPERTIES TIMEOUT 60 FAIL_REGULAR_EXPRESSION "Sanitizer")
endfunction()

function(load_test)
	load_test_with("--supervise no" ${ARGN})
endfunction()

load_test(core --logs 64 --seconds 1 --reads 30)
load_test(disk --type disk --logs 4 --seconds 1 --writers 8)
load_test(integrated_flush --type disk --logs 4 --seconds 1 --integrated-flush --resync)
load_test(burst --workload in_sync --logs 16 --burst 20000 --count 40000)
load_test(open_loop --workload mark_flush --logs 8 --rate 5000 --seconds 1)
load_test(slow_device --workload in_sync --logs 8 --depth 8 --slow-device 200 --seconds 1)
load_test_with("" kill --type disk --logs 8 --writers 4 --resync --kill 20)
load_test(ctr --workload ctr --type disk --logs 4 --seconds 1)

# What the daemon records, the generator plays again.
set(recording ${CMAKE_CURRENT_BINARY_DIR}/recording.bin)
add_test(NAME load_record COMMAND sh -c "rm -f '${recording}' && '$<TARGET_FILE:dirtylog-load>' \
--spawn='$<TARGET_FILE:dirtylogd> --log-level error --record ${recording}' --quiet --warmup 0 \
--lost-after 20 --logs 4 --count 5000 && '$<TARGET_FILE:dirtylog-load>' \
--spawn='$<TARGET_FILE:dirtylogd> --log-level error' --quiet --lost-after 20 --speed max \
--replay '${recording}'")
set_tests_properties(load_record PROPERTIES TIMEOUT 60)

add_test(NAME load_setup COMMAND sh -c "'$<TARGET_FILE:dirtylog-load>' \
--spawn='$<TARGET_FILE:dirtylogd> --log-level error' --quiet --lost-after 20 --logs 100 --count 100 \
--idle 0.5 --json setup.json && for key in seconds bits_per_log rss_per_log idle_cpu_share; do \
grep \"\$key\\\":\" setup.json || exit 1; done")
set_tests_properties(load_setup PROPERTIES TIMEOUT 60)
