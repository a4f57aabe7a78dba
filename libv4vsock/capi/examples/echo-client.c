/* SPDX-License-Identifier: MIT OR GPL-2.0-or-later */
/*
 * Sends its standard input to a server and prints what comes back.
 *
 *   cc $(pkg-config --cflags v4vsock) echo-client.c -o echo-client $(pkg-config --libs v4vsock)
 *   echo hello | V4V_DOMAIN=client ./echo-client gpu:5001
 */
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <v4vsock.h>

static int write_all(int to, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(to, bytes, length);

		if (n < 0)
			return -1;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct pollfd fds[2];
	char buffer[4096];
	int socket;

	if (argc != 2) {
		fprintf(stderr, "usage: echo-client DOMAIN:PORT\n");
		return 2;
	}
	socket = v4v_connect_text(argv[1], SOCK_CLOEXEC);
	if (socket < 0) {
		fprintf(stderr, "echo-client: %s\n", v4v_strerror());
		return 1;
	}
	fds[0].fd = socket;
	fds[0].events = POLLIN;
	fds[1].fd = STDIN_FILENO;
	fds[1].events = POLLIN;
	for (;;) {
		ssize_t n;

		if (poll(fds, 2, -1) < 0) {
			perror("echo-client: poll");
			return 1;
		}
		if (fds[0].revents) {
			n = read(socket, buffer, sizeof(buffer));
			if (n <= 0)
				return n < 0;
			if (write_all(STDOUT_FILENO, buffer, (size_t)n) < 0)
				return 1;
		}
		if (fds[1].revents) {
			n = read(STDIN_FILENO, buffer, sizeof(buffer));
			if (n < 0 || (n > 0 && write_all(socket, buffer, (size_t)n) < 0)) {
				perror("echo-client");
				return 1;
			}
			if (n == 0) {
				shutdown(socket, SHUT_WR);
				fds[1].fd = -1;
			}
		}
	}
}
