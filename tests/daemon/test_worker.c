/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker over the loopback interface of a network namespace of its own; skipped without
 * the right to make one.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
#include "daemon/worker.h"
#include "flow/event.h"

#define WAIT_MS 5000

static bool
own_network(void)
{
	struct ifreq request = { .ifr_name = "lo" };

	if (unshare(CLONE_NEWNET) != 0)
		return false;
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	request.ifr_flags = IFF_UP;
	const bool is_up = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	return is_up;
}

static struct ew_worker *
start(const struct ew_worker_conf *conf)
{
	struct ew_worker *worker = NULL;
	struct ew_error error = { .text = "" };

	cr_assert_eq(ew_worker_open(conf, NULL, NULL, &error, &worker), 0, "%s",
	    error.text);
	cr_assert_eq(ew_worker_start(worker, &error), 0, "%s", error.text);
	return worker;
}

/* One connection on lo that sends five bytes; returns the listener's port. */
static uint16_t
connection(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	char buffer[8];
	const int listener = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	cr_assert_eq(listen(listener, 1), 0);
	const int client = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(client, (struct sockaddr *)&a, sizeof(a)), 0);
	const int server = accept(listener, NULL, NULL);
	cr_assert_eq(write(client, "hello", 5), 5);
	shutdown(client, SHUT_WR);
	while (read(server, buffer, sizeof(buffer)) > 0)
		;
	close(server);
	close(client);
	close(listener);
	return ntohs(a.sin_port);
}

/* Take events until one of this kind and port comes; false after WAIT_MS. */
static bool
await(struct ew_worker *worker, enum ew_flow_kind kind, uint16_t port,
    struct ew_flow_event *ret_event)
{
	for (int i = 0; i < WAIT_MS; i++) {
		const struct ew_flow_event *event;
		while ((event = ew_worker_peek(worker))) {
			const bool found =
			    event->kind == kind && event->tuple.dport == port;
			if (found)
				memcpy(ret_event, event, ew_flow_event_size(event));
			ew_worker_pop(worker);
			if (found)
				return true;
		}
		usleep(1000);
	}
	return false;
}

Test(worker, hands_events_to_the_loop_and_closes_what_is_open_when_it_stops)
{
	struct ew_worker_conf conf = ew_worker_conf_default();
	struct ew_flow_event event;
	struct ew_worker_stats stats;
	struct ew_error error;

	if (!own_network())
		cr_skip_test("no right to make a network namespace");
	struct ew_worker *worker = start(&conf);
	const uint16_t port = connection();
	cr_assert(await(worker, EW_FLOW_ESTABLISHED, port, &event));
	cr_expect_gt(event.first_ns, 0);

	/* commands are taken while it runs */
	const uint8_t b[4] = { 127, 0, 0, 1 };
	const struct ew_addr lo = ew_addr_v4(b);
	const struct ew_capture_pair pair = { lo, lo };
	cr_expect_eq(ew_worker_set_host_addresses(worker, &lo, 1), 0);
	cr_expect_eq(ew_worker_set_zoom(worker, &pair, 1), 0);
	cr_expect_eq(ew_worker_set_point(worker, 1, EW_FLOW_POINT_LO, 0, false), 0);
	const uint16_t second = connection();
	cr_assert(await(worker, EW_FLOW_ATTEMPT, second, &event));

	/* the mark follows the wall clock while nothing happens */
	const struct ew_mono mark = ew_worker_watermark(worker);
	usleep(500000);
	const int64_t moved = ew_worker_watermark(worker).ns - mark.ns;
	cr_expect_gt(moved, 200 * EW_NS_PER_MS, "%lld ns", (long long)moved);
	cr_expect_lt(ew_worker_watermark(worker).ns, ew_mono_from_wall_clock().ns);

	ew_worker_stop(worker);
	ew_worker_stop(worker);
	cr_expect_eq(ew_worker_watermark(worker).ns, INT64_MAX);
	cr_assert(await(worker, EW_FLOW_CLOSE, second, &event));
	cr_expect_eq(event.side[0].bytes, 5);
	ew_worker_stats(worker, &stats);
	cr_expect_geq(stats.frames, 8); /* each: two SYN, two FIN */
	cr_expect_eq(stats.kernel_drops, 0);
	cr_expect_eq(stats.event_drops, 0);
	cr_expect_not(ew_worker_failed(worker, &error));
	struct ew_counter_set sets[EW_WORKER_COUNTER_SETS];
	cr_assert_eq(ew_worker_counters(worker, sets), EW_WORKER_COUNTER_SETS);
	cr_expect_eq(ew_counter_value(&sets[0], 0), stats.frames);
	ew_worker_free(worker);
}

Test(worker, keeps_more_closing_flows_than_the_ring_holds)
{
	struct ew_worker_conf conf = ew_worker_conf_default();
	uint64_t events = 0;

	if (!own_network())
		cr_skip_test("no right to make a network namespace");
	conf.event_ring_bytes = 65536;
	struct ew_worker *worker = start(&conf);
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	for (uint16_t port = 1; port <= 2000; port++) {
		const struct sockaddr_in to = { .sin_family = AF_INET,
			.sin_port = htons(port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		(void)!sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to));
	}
	close(fd);
	/* the loop is away: some events are dropped, and said to be */
	usleep(400000);
	ew_worker_stop(worker);
	const struct ew_flow_event *event;
	uint64_t closed = 0, gaps = 0;
	while ((event = ew_worker_peek(worker))) {
		events++;
		closed += event->kind == EW_FLOW_CLOSE;
		gaps += event->kind == EW_FLOW_GAP;
		ew_worker_pop(worker);
	}
	struct ew_worker_stats stats;
	ew_worker_stats(worker, &stats);
	cr_expect_geq(closed, 2000, "%llu", (unsigned long long)closed);
	cr_expect_eq(events + stats.event_drops, stats.events);
	cr_expect(stats.event_drops == 0 || gaps > 0);
	ew_worker_free(worker);
}

Test(worker, says_which_right_is_missing)
{
	struct ew_worker_conf conf = ew_worker_conf_default();
	struct ew_worker *worker = NULL;
	struct ew_error error = { .text = "" };

	if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
		cr_skip_test("cannot become nobody");
	cr_expect_eq(ew_worker_open(&conf, NULL, NULL, &error, &worker), -EPERM);
	cr_expect(strstr(error.text, "CAP_NET_RAW"), "%s", error.text);
	cr_expect_null(worker);
}
