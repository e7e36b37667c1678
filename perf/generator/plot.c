/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Script and data go to gnuplot's stdin: the data are here-documents, and no file is left behind.
 * Latencies are drawn over 1 / (1 - quantile), on a logarithmic scale, so that each factor of ten
 * of the tail has as much room as the one before it.
 */
#include "perf/generator/plot.h"

#include "server/base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define QUANTILE_STEPS 60u /* ten for each factor of ten in 1 / (1 - quantile) */
#define FACTOR_OF_STEP 1.2589254117941673 /* 10^(1/10) */

static const char style[] = "set grid lt 1 lc rgb '#cccccc'\n"
			    "set key left top\n"
			    "set border 3\n"
			    "set tics nomirror\n";

/* Lines of "1/(1-quantile) microseconds". */
static void write_quantiles(FILE *out, const char *name, const struct measure *measure)
{
	static struct histogram total;
	double tail = 1;

	measure_total(measure, &total);
	fprintf(out, "$%s_latency << EOD\n", name);
	for (unsigned i = 0; i <= QUANTILE_STEPS && tail <= (double)total.count; i++) {
		fprintf(out, "%.6g %.6g\n", tail,
			(double)histogram_quantile(&total, 1 - 1 / tail) / 1000);
		tail *= FACTOR_OF_STEP;
	}
	fprintf(out, "EOD\n");
}

/* Only full bins; those of the other server's turns are left out. */
static void write_throughput(FILE *out, const char *name, const struct measure *measure)
{
	fprintf(out, "$%s_rate << EOD\n", name);
	for (unsigned i = 0; i + 1 < MEASURE_BINS; i++)
		if ((i == 0 || measure->bins[i - 1] > 0) && measure->bins[i] > 0 &&
		    measure->bins[i + 1] > 0)
			fprintf(out, "%.6g %.6g\n", (double)measure->bin_ns * i / NSEC_PER_SEC,
				measure->bins[i] * (double)NSEC_PER_SEC / (double)measure->bin_ns);
	fprintf(out, "EOD\n");
}

static void plot_run(FILE *out, const struct load_result *result)
{
	write_quantiles(out, "daemon", &result->server);
	write_throughput(out, "daemon", &result->server);
	if (result->has_echo) {
		write_quantiles(out, "echo", &result->echo);
		write_throughput(out, "echo", &result->echo);
	}
	fprintf(out,
		"set logscale xy\n"
		"set xlabel 'percentile'\n"
		"set ylabel 'latency, us'\n"
		"set xtics ('0' 1, '50' 2, '90' 10, '99' 100, '99.9' 1000, '99.99' 10000, "
		"'99.999' 100000, '99.9999' 1000000)\n"
		"plot $daemon_latency with lines lw 2 title 'dirtylogd'%s\n"
		"unset logscale\n"
		"set xtics auto\n"
		"set yrange [0:*]\n"
		"set key left bottom\n"
		"set xlabel 's'\n"
		"set ylabel 'requests/s'\n"
		"plot $daemon_rate with points pt 7 ps 0.5 title 'dirtylogd'%s\n",
		result->has_echo ? ", $echo_latency with lines lw 2 title 'echo'" : "",
		result->has_echo ? ", $echo_rate with points pt 7 ps 0.5 title 'echo'" : "");
}

/* Lines of "point rate p50 p99". */
static void write_sweep(FILE *out, const char *name, const struct load_options *options,
			const struct load_result *results, unsigned count, bool echo)
{
	static struct histogram total;

	fprintf(out, "$%s << EOD\n", name);
	for (unsigned i = 0; i < count; i++) {
		const struct measure *measure = echo ? &results[i].echo : &results[i].server;

		measure_total(measure, &total);
		fprintf(out, "%u %.6g %.6g %.6g\n", options->points[i], measure_rate(measure),
			(double)histogram_quantile(&total, 0.5) / 1000,
			(double)histogram_quantile(&total, 0.99) / 1000);
	}
	fprintf(out, "EOD\n");
}

static void plot_sweep(FILE *out, const struct load_options *options,
		       const struct load_result *results, unsigned count)
{
	bool echo = results[0].has_echo;

	write_sweep(out, "daemon", options, results, count, false);
	if (echo)
		write_sweep(out, "echo", options, results, count, true);
	fprintf(out,
		"set logscale x 2\n"
		"set xlabel '%s'\n"
		"set yrange [0:*]\n"
		"set ylabel 'requests/s'\n"
		"plot $daemon using 1:2 with linespoints lw 2 pt 7 title 'dirtylogd'%s\n"
		"set logscale y 10\n"
		"set yrange [*:*]\n"
		"set ylabel 'latency, us'\n"
		"plot $daemon using 1:3 with linespoints lw 2 pt 7 title 'dirtylogd p50', "
		"$daemon using 1:4 with linespoints lw 2 pt 7 title 'dirtylogd p99'%s\n",
		options->sweep == LOAD_SWEEP_DEPTH ? "requests in flight" : "logs",
		echo ? ", $echo using 1:2 with linespoints lw 2 pt 7 title 'echo'" : "",
		echo ? ", $echo using 1:3 with linespoints title 'echo p50', $echo using 1:4 with "
		       "linespoints title 'echo p99'"
		     : "");
}

static void write_path(FILE *out, const char *path)
{
	fputs("set output \"", out);
	for (; *path; path++) {
		if (strchr("\"\\`$@", *path))
			fputc('\\', out);
		fputc(*path, out);
	}
	fputs("\"\n", out);
}

static bool has_answers(const struct load_result *results, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (results[i].server.answers == 0)
			return false;
	return count > 0;
}

int plot(const char *path, const struct load_options *options, const struct load_result *results,
	 unsigned count)
{
	FILE *out;

	if (!has_answers(results, count)) {
		fprintf(stderr, "dirtylog-load: nothing was measured that could be plotted\n");
		return -ENODATA;
	}
	out = popen("gnuplot", "we");
	if (!out)
		return -errno;
	fprintf(out, "set terminal pngcairo size 1200,480\n");
	write_path(out, path);
	fprintf(out, "%sset multiplot layout 1,2 title '%s, %s logs' noenhanced\n", style,
		options->replay ? "replay" : options->script.workload->name,
		options->disk ? "disk" : "core");
	if (options->sweep)
		plot_sweep(out, options, results, count);
	else
		plot_run(out, results);
	fprintf(out, "unset multiplot\n");
	if (pclose(out) == 0)
		return 0;
	fprintf(stderr,
		"dirtylog-load: gnuplot did not write %s (is it installed? Debian: gnuplot-nox)\n",
		path);
	return -EIO;
}
