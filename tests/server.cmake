unit_test(wire dirtylog_core)
unit_test(ctr_args dirtylog_core)
unit_test(mirror_table dirtylog_core)
unit_test(dirty_log dirtylog_core)
unit_test(recording dirtylog_core)
unit_test(logging dirtylog_server)
unit_test(log_write dirtylog_server)

# Without Criterion, so that it runs under ThreadSanitizer too.
add_executable(stress_inbox stress_inbox.c)
target_link_libraries(stress_inbox PRIVATE Threads::Threads)
add_test(NAME stress_inbox COMMAND stress_inbox)

unit_test(daemon dirtylog_core)
if(TARGET test_daemon)
	target_sources(test_daemon PRIVATE netlink_client.c)
	target_compile_definitions(test_daemon PRIVATE DIRTYLOGD="$<TARGET_FILE:dirtylogd>")
	add_dependencies(test_daemon dirtylogd)
endif()

fuzzer(wire dirtylog_core)
fuzzer(ctr_args dirtylog_core)
fuzzer(mirror_table dirtylog_core)
fuzzer(recording dirtylog_core)
