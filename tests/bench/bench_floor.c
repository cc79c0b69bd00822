/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: what it costs to read a capture with libpcap and do nothing but count. Every
 * figure of the benchmark is a multiple of this one, on the same file in the same run.
 * Usage: floor FILE      prints: packets bytes 0 cpu_ns_per_packet
 */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

struct count {
	uint64_t packets, bytes;
};

static void
on_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct count *count = (struct count *)user;

	(void)bytes;
	count->packets++;
	count->bytes += header->len;
}

int
main(int argc, char **argv)
{
	char error[PCAP_ERRBUF_SIZE];
	struct count count = { 0 };
	struct timespec before, after;

	if (argc != 2)
		return 2;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	pcap_t *pcap = pcap_open_offline_with_tstamp_precision(argv[1],
	    PCAP_TSTAMP_PRECISION_NANO, error);

	if (!pcap) {
		(void)fprintf(stderr, "%s\n", error);
		return 1;
	}
	(void)pcap_loop(pcap, -1, on_packet, (u_char *)&count);
	pcap_close(pcap);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	const double ns = (double)(after.tv_sec - before.tv_sec) * 1e9 +
	    (double)(after.tv_nsec - before.tv_nsec);

	(void)printf("%" PRIu64 " %" PRIu64 " 0 %.1f\n", count.packets, count.bytes,
	    ns / (double)(count.packets ? count.packets : 1));
	return 0;
}
