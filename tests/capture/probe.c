/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture stage alone, for live tests: opens live sources as the daemon does, and prints
 * what they hand out. Also sends bursts, since a shell cannot send fast enough.
 *
 *   capture-probe watch [-a | -R] [-i IFINDEX]... [-w WORKERS] [-r RING_MIB] [-s STALL_MS]
 *                       [-x SWAP_MS] [-p]
 *       until the standard input ends. -a: profile all; -R: a filter that rejects
 *       everything; -i: interfaces mode; -s: read nothing
 *       for a while, from the first packet on; -x: replace the filter again and again;
 *       -p: print each frame. Prints "ready", frames, and a line of totals.
 *   capture-probe burst ADDRESS PORT COUNT BYTES [PER_SECOND]
 *       UDP datagrams with a serial number, as fast as they go or at a rate
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
#include "capture/capture.h"
#include "capture/filter_priv.h"
#include "capture/frame.h"

#define WORKERS_MAX 4
#define INTERFACES_MAX 64

struct options {
	struct ew_capture_conf conf;
	uint32_t interfaces[INTERFACES_MAX];
	size_t interface_count;
	int stall_ms, swap_ms;
	bool print, reject;
};

struct totals {
	uint64_t frames, disordered, swaps;
	int64_t last_ns, late_ns; /* by how much the worst was out of order */
};

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* "SRC SPORT DST DPORT PROTO FLAGS" of a frame, and its two addresses. */
static bool
describe(const struct ew_frame *frame, char *text, size_t size, struct ew_addr ends[2])
{
	const struct ew_filter_packet p = ew_filter_view(frame);
	const bool v4 = p.protocol == 0x0800 && p.caplen >= 20;
	const bool v6 = p.protocol == 0x86dd && p.caplen >= 40;
	char src[EW_ADDR_TEXT], dst[EW_ADDR_TEXT];

	if (!v4 && !v6) {
		(void)snprintf(text, size, "- 0 - 0 type-%04x -", p.protocol);
		return false;
	}
	ends[0] = v4 ? ew_addr_v4(p.data + 12) : ew_addr_v6(p.data + 8);
	ends[1] = v4 ? ew_addr_v4(p.data + 16) : ew_addr_v6(p.data + 24);
	const uint8_t proto = v4 ? p.data[9] : p.data[6];
	const size_t header = v4 ? (size_t)(p.data[0] & 15) * 4 : 40;
	const bool has_ports =
	    (proto == 6 || proto == 17) && p.caplen >= header + (proto == 6 ? 14 : 4);
	const uint8_t *t = p.data + header;
	(void)snprintf(text, size, "%s %u %s %u %u %u", ew_addr_format(&ends[0], src),
	    has_ports ? be16(t) : 0, ew_addr_format(&ends[1], dst),
	    has_ports ? be16(t + 2) : 0, proto, has_ports && proto == 6 ? t[13] : 0);
	return true;
}

static void
take(const struct options *o, unsigned worker, const struct ew_frame *frame,
    struct totals *totals)
{
	char text[200];
	struct ew_addr ends[2];

	totals->frames++;
	if (frame->ts_ns < totals->last_ns) {
		totals->disordered++;
		if (totals->last_ns - frame->ts_ns > totals->late_ns)
			totals->late_ns = totals->last_ns - frame->ts_ns;
	} else {
		totals->last_ns = frame->ts_ns;
	}
	if (!o->print)
		return;
	const bool is_ip = describe(frame, text, sizeof(text), ends);
	const unsigned owner =
	    is_ip ? ew_capture_owner(&ends[0], &ends[1], o->conf.workers) : 0;
	const bool sll2 = frame->link == EW_LINK_SLL2;
	const uint32_t ifindex = sll2
	    ? (uint32_t)be16(frame->data + 4) << 16 | be16(frame->data + 6)
	    : frame->ifindex;
	/* worker, owner by addresses, interface, how seen, length */
	(void)printf("frame %u %u %u %u %u %s\n", worker, owner, ifindex,
	    sll2 ? frame->data[10] : frame->seen, frame->len, text);
}

static uint64_t
read_all(const struct options *o, struct ew_source **sources, struct totals *totals)
{
	struct ew_frame frames[128];
	uint64_t got = 0;
	size_t n = 0;

	for (unsigned w = 0; w < o->conf.workers; w++)
		do {
			const int rc = ew_source_read(sources[w], frames, 128, &n);
			if (rc) {
				(void)printf("error %s\n",
				    ew_source_error(sources[w])->text);
				exit(1);
			}
			for (size_t i = 0; i < n; i++)
				take(o, w, &frames[i], totals);
			got += n;
		} while (n > 0);
	return got;
}

static void
swap_filter(struct ew_source *source, struct totals *totals)
{
	struct ew_capture_pair pairs[EW_CAPTURE_ZOOM_MAX];
	const size_t count = totals->swaps % EW_CAPTURE_ZOOM_MAX;

	for (size_t i = 0; i < count; i++) {
		const uint8_t a[4] = { 192, 0, 2, (uint8_t)i },
			      b[4] = { 198, 51, 100, 1 };
		pairs[i] = (struct ew_capture_pair){ ew_addr_v4(a), ew_addr_v4(b) };
	}
	if (ew_source_set_filter(source, EW_CAPTURE_CONNECTIONS, pairs, count) == 0)
		totals->swaps++;
}

static int
wait_ms(const struct options *o, struct ew_source **sources, int ms)
{
	struct pollfd fds[WORKERS_MAX + 1] = { { .fd = STDIN_FILENO,
	    .events = POLLIN } };

	for (unsigned w = 0; w < o->conf.workers; w++)
		fds[w + 1] =
		    (struct pollfd){ .fd = ew_source_fd(sources[w]), .events = POLLIN };
	(void)poll(fds, o->conf.workers + 1, ms);
	return fds[0].revents;
}

static void
finish(const struct options *o, struct ew_source **sources, struct totals *totals)
{
	struct ew_source_stats sum = { 0 };

	usleep(400000); /* the last block of each ring */
	read_all(o, sources, totals);
	for (unsigned w = 0; w < o->conf.workers; w++) {
		struct ew_source_stats one;
		ew_source_stats(sources[w], &one);
		sum.frames += one.frames;
		sum.kernel_drops += one.kernel_drops;
		(void)printf("worker %u frames %llu\n", w,
		    (unsigned long long)one.frames);
	}
	(void)printf("total frames %llu kernel_drops %llu disordered %llu "
		     "late_us %llu swaps %llu\n",
	    (unsigned long long)sum.frames, (unsigned long long)sum.kernel_drops,
	    (unsigned long long)totals->disordered,
	    (unsigned long long)totals->late_ns / 1000,
	    (unsigned long long)totals->swaps);
}

static int
watch(struct options *o)
{
	struct ew_source *sources[WORKERS_MAX] = { NULL };
	struct totals totals = { 0 };
	struct ew_error error;

	for (unsigned w = 0; w < o->conf.workers; w++)
		if (ew_source_open_live(&o->conf, w ? sources[0] : NULL, &error,
			&sources[w]) != 0) {
			(void)printf("error %s\n", error.text);
			return 1;
		}
	const int64_t joined_ns = ew_mono_from_wall_clock().ns;
	for (unsigned w = 0; w < o->conf.workers && o->conf.workers > 1; w++)
		ew_source_discard_before(sources[w], joined_ns);
	for (size_t i = 0; i < o->interface_count; i++)
		if (ew_source_add_interface(sources[0], o->interfaces[i], &error) != 0)
			(void)printf("error %s\n", error.text);
	if (o->reject) {
		struct ew_filter *reject = malloc(sizeof(*reject));
		ew_filter_build_reject(reject);
		if (ew_filter_attach(ew_source_fd(sources[0]), reject) != 0)
			return 1;
		free(reject);
	}
	(void)printf("ready\n");
	(void)fflush(stdout);
	int64_t swap_at = 0;
	while (!wait_ms(o, sources, o->swap_ms ? o->swap_ms : 50)) {
		if (o->stall_ms && totals.frames == 0) {
			usleep((useconds_t)o->stall_ms * 1000);
			o->stall_ms = 0;
		}
		read_all(o, sources, &totals);
		if (o->swap_ms && ew_ticks_ns() >= swap_at) {
			swap_filter(sources[0], &totals);
			swap_at = ew_ticks_ns() + o->swap_ms * EW_NS_PER_MS;
		}
	}
	finish(o, sources, &totals);
	for (unsigned w = o->conf.workers; w-- > 0;)
		ew_source_close(sources[w]);
	return 0;
}

/* --- burst -------------------------------------------------------------------------------- */

#define AT_ONCE 32

static int
burst(const char *address, const char *port, uint64_t count, size_t bytes,
    uint64_t rate)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
	static uint8_t payload[AT_ONCE][1500];
	struct iovec parts[AT_ONCE];
	struct mmsghdr messages[AT_ONCE];
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bytes > sizeof(payload[0]) ||
	    inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		perror("burst");
		return 1;
	}
	memset(messages, 0, sizeof(messages));
	for (size_t i = 0; i < AT_ONCE; i++) {
		parts[i] = (struct iovec){ payload[i], bytes };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	const int64_t begin = ew_ticks_ns();
	for (uint64_t sent = 0; sent < count;) {
		const uint64_t left = count - sent;
		const int got = sendmmsg(fd, messages,
		    (unsigned)(left < AT_ONCE ? left : AT_ONCE), 0);
		if (got > 0)
			sent += (uint64_t)got;
		else if (errno != ENOBUFS && errno != ECONNREFUSED && errno != EAGAIN)
			return 1;
		while (rate &&
		    (uint64_t)(ew_ticks_ns() - begin) * rate <
			sent * (uint64_t)EW_NS_PER_S)
			usleep(50);
	}
	(void)printf("sent %llu in %.3f s\n", (unsigned long long)count,
	    (double)(ew_ticks_ns() - begin) / 1e9);
	return 0;
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = ew_capture_conf_default() };
	int c;

	if (argc >= 6 && strcmp(argv[1], "burst") == 0)
		return burst(argv[2], argv[3], strtoull(argv[4], NULL, 10),
		    strtoul(argv[5], NULL, 10),
		    argc > 6 ? strtoull(argv[6], NULL, 10) : 0);
	if (argc < 2 || strcmp(argv[1], "watch") != 0)
		return 2;
	while ((c = getopt(argc - 1, argv + 1, "aRi:w:r:s:x:p")) != -1)
		switch (c) {
		case 'a':
			o.conf.profile = EW_CAPTURE_ALL;
			break;
		case 'R':
			o.reject = true;
			break;
		case 'i':
			o.conf.mode = EW_CAPTURE_INTERFACES;
			if (o.interface_count < INTERFACES_MAX)
				o.interfaces[o.interface_count++] =
				    (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			o.conf.workers = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			o.conf.ring_bytes = strtoull(optarg, NULL, 10) << 20;
			break;
		case 's':
			o.stall_ms = (int)strtol(optarg, NULL, 10);
			break;
		case 'x':
			o.swap_ms = (int)strtol(optarg, NULL, 10);
			break;
		case 'p':
			o.print = true;
			break;
		default:
			return 2;
		}
	return watch(&o);
}
