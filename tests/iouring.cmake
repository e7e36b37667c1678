unit_test(flush_engine iouring)
