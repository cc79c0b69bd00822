/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for `make bench-live`: a server and a client of one kind each, which run until they
 * are ended and count their work in a file that the script maps.
 *
 *   bench-load serve bulk|short|udp PORT COUNTER
 *   bench-load ask   bulk|short|udp ADDRESS PORT COUNTER [PER_SECOND]
 *
 *   bench-load offloads INTERFACE on|off
 *
 * bulk: one TCP stream; counts bytes, on the server's side. short: connections of a 66-byte
 * question and a 1 KiB answer, closed by the server; counted by the client. udp: datagrams
 * of 200 bytes at a rate; counted by the server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define QUESTION 66
#define ANSWER 1024
#define DATAGRAM 200
#define AT_ONCE 32

static _Atomic uint64_t *counter;
static char buffer[1 << 16];

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
count(uint64_t n)
{
	atomic_store_explicit(counter,
	    atomic_load_explicit(counter, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

static void
map_counter(const char *path)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || ftruncate(fd, sizeof(uint64_t)) != 0)
		die(path);
	void *map =
	    mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die(path);
	counter = map;
	close(fd);
}

static struct sockaddr_in
address_of(const char *address, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };

	if (address && inet_pton(AF_INET, address, &a.sin_addr) != 1)
		die(address);
	return a;
}

static int
listen_on(const char *port, int type)
{
	const struct sockaddr_in a = address_of(NULL, port);
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	const int yes = 1, room = 4 << 20;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		die("bind");
	if (type == SOCK_STREAM && listen(fd, 4096) != 0)
		die("listen");
	return fd;
}

/* --- serve ------------------------------------------------------------------------------ */

static void
serve_bulk(const char *port)
{
	const int fd = listen_on(port, SOCK_STREAM);

	for (;;) {
		const int c = accept(fd, NULL, NULL);
		ssize_t got;
		while ((got = recv(c, buffer, sizeof(buffer), 0)) > 0)
			count((uint64_t)got);
		close(c);
	}
}

static void
serve_short(const char *port)
{
	const int fd = listen_on(port, SOCK_STREAM);

	for (;;) {
		const int c = accept(fd, NULL, NULL);
		if (c < 0)
			continue;
		if (recv(c, buffer, sizeof(buffer), 0) > 0 &&
		    send(c, buffer, ANSWER, MSG_NOSIGNAL) < 0)
			perror("send");
		close(c);
	}
}

static void
serve_udp(const char *port)
{
	const int fd = listen_on(port, SOCK_DGRAM);
	struct iovec parts[AT_ONCE];
	struct mmsghdr messages[AT_ONCE];

	memset(messages, 0, sizeof(messages));
	for (size_t i = 0; i < AT_ONCE; i++) {
		parts[i] = (struct iovec){ buffer + 512 * i, 512 };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;) {
		const int got = recvmmsg(fd, messages, AT_ONCE, MSG_WAITFORONE, NULL);
		if (got > 0)
			count((uint64_t)got);
	}
}

/* --- ask -------------------------------------------------------------------------------- */

static void
ask_bulk(const struct sockaddr_in *to)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
		die("connect");
	for (;;)
		if (send(fd, buffer, sizeof(buffer), MSG_NOSIGNAL) < 0)
			die("send");
}

static void
ask_short(const struct sockaddr_in *to)
{
	for (;;) {
		const int fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0 ||
		    send(fd, buffer, QUESTION, MSG_NOSIGNAL) != QUESTION) {
			close(fd);
			usleep(100); /* no port: the old ones wait */
			continue;
		}
		ssize_t got, total = 0;
		while ((got = recv(fd, buffer, sizeof(buffer), 0)) > 0)
			total += got;
		close(fd);
		if (total == ANSWER)
			count(1);
	}
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void
ask_udp(const struct sockaddr_in *to, uint64_t rate)
{
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct iovec part = { buffer, DATAGRAM };
	struct mmsghdr messages[AT_ONCE];
	uint64_t sent = 0;

	memset(messages, 0, sizeof(messages));
	for (size_t i = 0; i < AT_ONCE; i++) {
		messages[i].msg_hdr.msg_iov = &part;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
		die("connect");
	const int64_t begin = now_ns();
	for (;;) {
		const int got = sendmmsg(fd, messages, AT_ONCE, 0);
		if (got > 0)
			sent += (uint64_t)got;
		while ((uint64_t)(now_ns() - begin) * rate < sent * 1000000000)
			usleep(50);
	}
}

/* Segmentation by the kernel at the last moment, or frames from the start (ethtool -K). */
static int
set_offloads(const char *interface, bool on)
{
	static const uint32_t commands[] = { ETHTOOL_STSO, ETHTOOL_SGSO };
	struct ifreq request = { .ifr_name = "" };
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);

	memcpy(request.ifr_name, interface, strnlen(interface, IFNAMSIZ - 1));
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct ethtool_value value = { .cmd = commands[i], .data = on };
		request.ifr_data = (void *)&value;
		if (ioctl(fd, SIOCETHTOOL, &request) != 0)
			die(interface);
	}
	close(fd);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "offloads") == 0)
		return set_offloads(argv[2], strcmp(argv[3], "on") == 0);
	if (argc == 5 && strcmp(argv[1], "serve") == 0) {
		map_counter(argv[4]);
		if (strcmp(argv[2], "bulk") == 0)
			serve_bulk(argv[3]);
		if (strcmp(argv[2], "short") == 0)
			serve_short(argv[3]);
		if (strcmp(argv[2], "udp") == 0)
			serve_udp(argv[3]);
	}
	if (argc >= 6 && strcmp(argv[1], "ask") == 0) {
		const struct sockaddr_in to = address_of(argv[3], argv[4]);
		map_counter(argv[5]);
		if (strcmp(argv[2], "bulk") == 0)
			ask_bulk(&to);
		if (strcmp(argv[2], "short") == 0)
			ask_short(&to);
		if (strcmp(argv[2], "udp") == 0)
			ask_udp(&to, argc > 6 ? strtoull(argv[6], NULL, 10) : 100000);
	}
	return 2;
}
