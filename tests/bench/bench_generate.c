/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures to measure with. Each profile is one kind of load; the same seed gives the same
 * bytes on every machine, so figures can be compared.
 *
 *   mixed  what a node with forty busy containers carries: HTTP and database connections of
 *          some tens of packets, DNS, UDP streams, pings; some thousand flows at a time
 *   churn  short connections only: SYN, SYN-ACK, ACK, request, answer, FIN, FIN, ACK
 *   bulk   64 transfers of full-size segments, an ACK for every second one
 *   flood  each packet is a SYN from a new address and port: nothing ever answers
 *   idle   opens that many connections and leaves them open: for memory
 *
 * Usage: bench-generate PROFILE COUNT SEED FILE     COUNT packets (idle: connections)
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *out;
static uint64_t state[2];
static int64_t now_ns = INT64_C(1767225600000000000); /* 2026-01-01 */
static uint64_t written;

/* xorshift128+, Vigna 2014. */
static uint64_t
next_random(void)
{
	uint64_t a = state[0];
	const uint64_t b = state[1];

	state[0] = b;
	a ^= a << 23;
	state[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
	return state[1] + b;
}

static uint32_t
below(uint32_t limit)
{
	return (uint32_t)((next_random() >> 32) * limit >> 32);
}

static void
put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* A frame of proto with room for payload bytes; returns where the transport begins. */
static uint8_t frame[1600];

static uint8_t *
begin(uint32_t src, uint32_t dst, uint8_t proto, uint32_t ip_payload)
{
	static const uint8_t ethernet[14] = { 2, 0x42, 0xac, 0x12, 0, 2, 2, 0x42, 0xac,
		0x12, 0, 3, 8, 0 };

	memcpy(frame, ethernet, sizeof(ethernet));
	uint8_t *ip = frame + 14;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + ip_payload);
	put16(ip + 4, (uint32_t)written & 0xffff);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = proto;
	put32(ip + 12, src);
	put32(ip + 16, dst);
	return ip + 20;
}

static void
end(uint32_t ip_payload)
{
	const uint32_t size = 34 + ip_payload;
	uint32_t header[4];

	now_ns += 1000 + below(2000);
	header[0] = (uint32_t)(now_ns / 1000000000);
	header[1] = (uint32_t)(now_ns % 1000000000);
	header[2] = size;
	header[3] = size;
	if (fwrite(header, sizeof(header), 1, out) != 1 ||
	    fwrite(frame, size, 1, out) != 1) {
		perror("generate");
		exit(1);
	}
	written++;
}

struct conn {
	uint32_t client, server;
	uint32_t client_seq, server_seq;
	uint16_t cport, sport;
	uint16_t left; /* packets of data still to come */
	uint8_t step;
	uint8_t kind; /* 0 TCP, 1 DNS, 2 UDP stream, 3 ping */
};

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static void
tcp(struct conn *c, bool by_client, uint8_t flags, uint32_t payload)
{
	const bool syn = flags & SYN;
	const uint32_t header = syn ? 32 : 20;
	uint8_t *p = begin(by_client ? c->client : c->server,
	    by_client ? c->server : c->client, 6, header + payload);
	uint32_t *seq = by_client ? &c->client_seq : &c->server_seq;

	put16(p, by_client ? c->cport : c->sport);
	put16(p + 2, by_client ? c->sport : c->cport);
	put32(p + 4, *seq);
	put32(p + 8, flags & ACK ? (by_client ? c->server_seq : c->client_seq) : 0);
	p[12] = (uint8_t)(header / 4 << 4);
	p[13] = flags;
	put16(p + 14, 64240);
	put32(p + 16, 0);
	if (syn)
		memcpy(p + 20, "\x02\x04\x05\xb4\x01\x03\x03\x07\x04\x02\x01\x01", 12);
	memset(p + header, 'x', payload);
	end(header + payload);
	*seq += payload + syn + (flags & FIN ? 1 : 0);
}

static void
udp(const struct conn *c, bool by_client, uint32_t payload)
{
	uint8_t *p = begin(by_client ? c->client : c->server,
	    by_client ? c->server : c->client, 17, 8 + payload);

	put16(p, by_client ? c->cport : c->sport);
	put16(p + 2, by_client ? c->sport : c->cport);
	put32(p + 4, (8 + payload) << 16);
	memset(p + 8, 'x', payload);
	if (c->sport == 53 && payload >= 40) {
		static const uint8_t question[] = "\x05redis\x03svc\x07"
						  "cluster\x05local\0\0\1\0\1";

		memset(p + 8, 0, 12);
		put16(p + 8, c->cport);
		p[10] = by_client ? 1 : 0x81;
		p[13] = 1;
		memcpy(p + 20, question, sizeof(question) - 1);
	}
	end(8 + payload);
}

static void
ping(const struct conn *c, bool by_client)
{
	uint8_t *p = begin(by_client ? c->client : c->server,
	    by_client ? c->server : c->client, 1, 64);

	memset(p, 0, 64);
	p[0] = by_client ? 8 : 0;
	end(64);
}

static uint32_t
container(void)
{
	return 0xac120000U + 2 + below(400);
}

static void
renew(struct conn *c)
{
	static const uint16_t services[] = { 80, 443, 5432, 6379, 8080, 9092, 3306,
		11211 };
	const uint32_t dice = below(100);

	memset(c, 0, sizeof(*c));
	c->client = container();
	do
		c->server = container();
	while (c->server == c->client);
	c->cport = (uint16_t)(32768 + below(28000));
	c->client_seq = (uint32_t)next_random();
	c->server_seq = (uint32_t)next_random();
	c->sport = services[below(8)];
	c->left = (uint16_t)(4 + below(60));
	if (dice >= 70) {
		c->kind = 1;
		c->sport = 53;
		c->left = 2;
	}
	if (dice >= 94) {
		c->kind = 2;
		c->sport = 4789 + 10;
		c->left = (uint16_t)(20 + below(200));
	}
	if (dice >= 98)
		c->kind = 3;
}

/* One packet of the connection; false when it was the last. */
static bool
step_tcp(struct conn *c)
{
	switch (c->step) {
	case 0:
		tcp(c, true, SYN, 0);
		break;
	case 1:
		tcp(c, false, SYN | ACK, 0);
		break;
	case 2:
		tcp(c, true, ACK, 0);
		break;
	case 3:
		if (below(3) == 0)
			tcp(c, below(2), ACK, 0);
		else if (below(3) == 0)
			tcp(c, true, PSH | ACK, 20 + below(400));
		else
			tcp(c, false, PSH | ACK, below(4) ? 1448 : 60 + below(900));
		if (--c->left > 0)
			return true;
		break;
	case 4:
		tcp(c, true, FIN | ACK, 0);
		break;
	case 5:
		tcp(c, false, FIN | ACK, 0);
		break;
	default:
		tcp(c, true, ACK, 0);
		return false;
	}
	c->step++;
	return true;
}

static bool
step(struct conn *c)
{
	const bool by_client = c->left % 2 == 0 || c->kind == 2;

	switch (c->kind) {
	case 0:
		return step_tcp(c);
	case 1:
		udp(c, by_client, by_client ? 40 : 90);
		break;
	case 2:
		udp(c, by_client, 200 + below(1000));
		break;
	default:
		ping(c, by_client);
		break;
	}
	return --c->left > 0;
}

static void
mixed(uint64_t count)
{
	enum { ACTIVE = 4000 };
	static struct conn conns[ACTIVE];

	for (int i = 0; i < ACTIVE; i++)
		renew(&conns[i]);
	while (written < count) {
		struct conn *c = &conns[below(ACTIVE)];
		int burst = 1 + (int)below(4);

		while (burst-- > 0) {
			if (!step(c)) {
				renew(c);
				break;
			}
		}
	}
}

static void
churn(uint64_t count)
{
	enum { ACTIVE = 256 };
	static struct conn conns[ACTIVE];

	for (int i = 0; i < ACTIVE; i++)
		renew(&conns[i]);
	while (written < count) {
		struct conn *c = &conns[below(ACTIVE)];

		c->kind = 0;
		switch (c->step++) {
		case 0:
			tcp(c, true, SYN, 0);
			break;
		case 1:
			tcp(c, false, SYN | ACK, 0);
			break;
		case 2:
			tcp(c, true, ACK, 0);
			break;
		case 3:
			tcp(c, true, PSH | ACK, 120);
			break;
		case 4:
			tcp(c, false, PSH | ACK, 350);
			break;
		case 5:
			tcp(c, false, FIN | ACK, 0);
			break;
		case 6:
			tcp(c, true, FIN | ACK, 0);
			break;
		default:
			tcp(c, false, ACK, 0);
			renew(c);
			break;
		}
	}
}

static void
bulk(uint64_t count)
{
	enum { ACTIVE = 64 };
	static struct conn conns[ACTIVE];

	for (int i = 0; i < ACTIVE; i++) {
		struct conn *c = &conns[i];

		renew(c);
		tcp(c, true, SYN, 0);
		tcp(c, false, SYN | ACK, 0);
		tcp(c, true, ACK, 0);
	}
	while (written < count) {
		struct conn *c = &conns[below(ACTIVE)];

		tcp(c, false, ACK, 1448);
		tcp(c, false, ACK | PSH, 1448);
		tcp(c, true, ACK, 0);
	}
}

static void
flood(uint64_t count)
{
	while (written < count) {
		struct conn c = { .client = (uint32_t)next_random() | 0x0b000000,
			.server = 0xac120002U + below(4),
			.client_seq = (uint32_t)next_random(),
			.cport = (uint16_t)(1024 + below(64000)),
			.sport = 80 };

		tcp(&c, true, SYN, 0);
	}
}

/* count connections, each with handshake and one request, all left open. */
static void
idle(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		struct conn c = { .client = 0x0a000000U + (uint32_t)(i / 50000),
			.server = 0xac120002U,
			.cport = (uint16_t)(10000 + i % 50000),
			.sport = 443,
			.client_seq = (uint32_t)next_random(),
			.server_seq = (uint32_t)next_random() };

		now_ns -= 3000; /* all within the shortest timeout */
		tcp(&c, true, SYN, 0);
		tcp(&c, false, SYN | ACK, 0);
		tcp(&c, true, PSH | ACK, 100);
	}
}

int
main(int argc, char **argv)
{
	static const uint32_t header[6] = { 0xa1b23c4d, 0x00040002, 0, 0, 65535, 1 };
	static const struct {
		const char *name;
		void (*make)(uint64_t count);
	} profiles[] = { { "mixed", mixed }, { "churn", churn }, { "bulk", bulk },
		{ "flood", flood }, { "idle", idle } };

	if (argc != 5) {
		(void)fprintf(stderr, "usage: %s PROFILE COUNT SEED FILE\n", argv[0]);
		return 2;
	}
	state[0] = strtoull(argv[3], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	state[1] = state[0] ^ UINT64_C(0xbf58476d1ce4e5b9);
	out = fopen(argv[4], "wb");
	if (!out || fwrite(header, sizeof(header), 1, out) != 1) {
		perror(argv[4]);
		return 1;
	}
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		if (strcmp(argv[1], profiles[i].name) == 0) {
			profiles[i].make(strtoull(argv[2], NULL, 10));
			return fclose(out) == 0 ? 0 : 1;
		}
	}
	(void)fprintf(stderr, "%s: no such profile\n", argv[1]);
	return 2;
}
