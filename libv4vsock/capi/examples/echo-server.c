/* SPDX-License-Identifier: MIT OR GPL-2.0-or-later */
/*
 * Sends back what each caller sends, a child process for each of them.
 *
 *   cc $(pkg-config --cflags v4vsock) echo-server.c -o echo-server $(pkg-config --libs v4vsock)
 *   V4V_DOMAIN=gpu ./echo-server 5001 [CALLERS]
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <v4vsock.h>

static int echo(int socket)
{
	char buffer[65536];
	ssize_t got;

	while ((got = read(socket, buffer, sizeof(buffer))) > 0) {
		ssize_t sent = 0;

		while (sent < got) {
			ssize_t n = write(socket, buffer + sent, (size_t)(got - sent));

			if (n < 0)
				return -1;
			sent += n;
		}
	}
	return got == 0 ? 0 : -1;
}

static void serve(int socket, const struct sockaddr_v4v *peer)
{
	char text[V4V_ADDRSTRLEN];

	printf("%s calls\n", v4v_format(peer, text, sizeof(text)));
	fflush(stdout);
	if (echo(socket) < 0)
		perror("echo-server");
}

int main(int argc, char **argv)
{
	struct sockaddr_v4v self, peer;
	char text[V4V_ADDRSTRLEN];
	long callers = argc > 2 ? atol(argv[2]) : -1;
	int listener;

	if (argc < 2) {
		fprintf(stderr, "usage: echo-server PORT [CALLERS]\n");
		return 2;
	}
	/* A caller that goes is an error of write, and children need not be waited for. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);

	listener = v4v_listen((uint32_t)atol(argv[1]), 128, SOCK_CLOEXEC);
	if (listener < 0 || v4v_getsockname(listener, &self) < 0) {
		fprintf(stderr, "echo-server: %s\n", v4v_strerror());
		return 1;
	}
	printf("listening at %s\n", v4v_format(&self, text, sizeof(text)));
	fflush(stdout);

	while (callers != 0) {
		int socket = v4v_accept(listener, &peer, SOCK_CLOEXEC);

		if (socket < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			fprintf(stderr, "echo-server: %s\n", v4v_strerror());
			return 1;
		}
		if (fork() == 0) {
			serve(socket, &peer);
			return 0;
		}
		close(socket);
		if (callers > 0)
			callers--;
	}
	return 0;
}
