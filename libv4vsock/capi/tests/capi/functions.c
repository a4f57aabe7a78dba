/* SPDX-License-Identifier: MIT OR GPL-2.0-or-later */
/* Calls every function, rightly and wrongly; ends with 0 if all is as the header says. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <v4vsock.h>

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "line %d: %s (errno %d, \"%s\")\n", __LINE__, #condition, errno, v4v_strerror()); \
			exit(1); \
		} \
	} while (0)
#define CHECK_FAILS(call, number) CHECK((call) == -1 && errno == (number))

_Static_assert(sizeof(struct sockaddr_v4v) == 12, "the kernel's size");
_Static_assert(offsetof(struct sockaddr_v4v, sv_port) == 4, "the kernel's layout");
_Static_assert(offsetof(struct sockaddr_v4v, sv_domain) == 8, "the kernel's layout");

static int flags_of(int fd)
{
	int status = fcntl(fd, F_GETFL) & O_NONBLOCK, close = fcntl(fd, F_GETFD) & FD_CLOEXEC;

	return (status ? SOCK_NONBLOCK : 0) | (close ? SOCK_CLOEXEC : 0);
}

static void addresses(void)
{
	struct sockaddr_v4v addr;
	char text[V4V_ADDRSTRLEN], name[V4V_DOMAINSTRLEN];
	int self = v4v_getdomid();

	CHECK(v4v_backend() == V4V_BACKEND_HOSTED && v4v_family() == 0 && self > 0);
	CHECK(v4v_parse("3:5001", &addr) == 0 && addr.sv_domain == 3 && addr.sv_port == 5001);
	CHECK(addr.sv_family == v4v_family() && addr.sv_pad == 0 && addr.sv_pad2 == 0);
	CHECK(v4v_format(&addr, text, sizeof(text)) == text && strcmp(text, "3:5001") == 0);
	CHECK(v4v_format(&addr, text, 7) == text && v4v_format(&addr, text, 6) == NULL && errno == ENOSPC);
	CHECK(v4v_format(NULL, text, 7) == NULL && errno == EINVAL);
	CHECK(v4v_format(&addr, NULL, 7) == NULL && errno == EINVAL);
	CHECK(v4v_parse("any:1", &addr) == 0 && addr.sv_domain == V4V_DOMAIN_ANY);
	addr.sv_port = V4V_PORT_MAX;
	CHECK(v4v_format(&addr, text, sizeof(text)) == text);
	CHECK(v4v_parse("gpu:7", &addr) == 0 && addr.sv_domain == self);
	CHECK_FAILS(v4v_parse("gpu", &addr), EINVAL);
	CHECK(strstr(v4v_strerror(), "DOMAIN:PORT"));
	CHECK_FAILS(v4v_parse("nobody:7", &addr), ENOENT);
	CHECK_FAILS(v4v_parse(NULL, &addr), EINVAL);
	CHECK_FAILS(v4v_parse("3:5001", NULL), EINVAL);
	CHECK_FAILS(v4v_parse("\xff:1", &addr), EINVAL);
	CHECK(v4v_domain_by_name("gpu") == self && v4v_domain_by_name("77") == 77);
	CHECK_FAILS(v4v_domain_by_name("nobody"), ENOENT);
	CHECK_FAILS(v4v_domain_by_name(NULL), EINVAL);
	CHECK(v4v_domain_name((uint16_t)self, name, sizeof(name)) == 0 && strcmp(name, "gpu") == 0);
	CHECK_FAILS(v4v_domain_name((uint16_t)self, name, 3), ENOSPC);
	CHECK_FAILS(v4v_domain_name(31000, name, sizeof(name)), ENOENT);
	CHECK_FAILS(v4v_domain_name((uint16_t)self, NULL, 3), EINVAL);
}

static void sockets(void)
{
	struct sockaddr_v4v to, local, peer, from;
	int listener = v4v_listen(5001, 1, SOCK_CLOEXEC | SOCK_NONBLOCK), pipes[2], flags, free_one;

	CHECK(listener >= 0 && errno == 0 && flags_of(listener) == (SOCK_CLOEXEC | SOCK_NONBLOCK));
	CHECK_FAILS(v4v_listen(5001, 1, 0), EADDRINUSE);
	CHECK(strstr(v4v_strerror(), "port 5001 is in use"));
	CHECK_FAILS(v4v_listen(5002, 1, 1 << 30), EINVAL);
	CHECK_FAILS(v4v_listen(V4V_PORT_MAX + 1, 1, 0), EINVAL);
	CHECK_FAILS(v4v_accept(listener, NULL, 0), EAGAIN);
	CHECK(v4v_getsockname(listener, &to) == 0 && to.sv_port == 5001 && to.sv_domain == v4v_getdomid());
	for (flags = 0; flags < 4; flags++) {
		int all = (flags & 1 ? SOCK_CLOEXEC : 0) | (flags & 2 ? SOCK_NONBLOCK : 0);
		int caller = v4v_connect(&to, all), accepted;
		char byte = 0;

		CHECK(caller >= 0 && errno == 0 && flags_of(caller) == all);
		accepted = v4v_accept(listener, &from, all);
		CHECK(accepted >= 0 && flags_of(accepted) == all);
		CHECK(v4v_getsockname(caller, &local) == 0 && memcmp(&local, &from, sizeof(from)) == 0);
		CHECK(v4v_getpeername(caller, &peer) == 0 && memcmp(&peer, &to, sizeof(to)) == 0);
		CHECK(v4v_getpeername(accepted, &peer) == 0 && memcmp(&peer, &from, sizeof(from)) == 0);
		CHECK(write(caller, "x", 1) == 1 && read(accepted, &byte, 1) == 1 && byte == 'x');
		close(caller);
		close(accepted);
	}
	free_one = v4v_listen(0, 1, 0);
	CHECK(free_one >= 0 && v4v_getsockname(free_one, &local) == 0 && local.sv_port >= 49152);
	CHECK_FAILS(v4v_getpeername(listener, &peer), ENOTCONN);
	CHECK_FAILS(v4v_getsockname(listener, NULL), EINVAL);
	CHECK_FAILS(v4v_getsockname(-1, &local), EBADF);
	CHECK_FAILS(v4v_getsockname(9999, &local), EBADF);
	CHECK(pipe(pipes) == 0);
	CHECK_FAILS(v4v_getsockname(pipes[0], &local), EAFNOSUPPORT);
	CHECK_FAILS(v4v_getpeername(pipes[0], &local), EAFNOSUPPORT);
	CHECK_FAILS(v4v_accept(pipes[0], NULL, 0), EINVAL);
	CHECK_FAILS(v4v_accept(-1, NULL, 0), EBADF);
	to.sv_port = 5999;
	CHECK_FAILS(v4v_connect(&to, 0), ECONNREFUSED);
	CHECK_FAILS(v4v_connect(NULL, 0), EINVAL);
	CHECK_FAILS(v4v_connect(&to, 1), EINVAL);
	to.sv_family = AF_INET;
	CHECK_FAILS(v4v_connect(&to, 0), EINVAL);
	CHECK_FAILS(v4v_connect_text("31000:5001", 0), EHOSTUNREACH);
	CHECK_FAILS(v4v_connect_text(NULL, 0), EINVAL);
	close(listener);
	listener = v4v_listen(5001, 1, 0);
	CHECK(listener >= 0 && flags_of(listener) == 0);
}

static void *elsewhere(void *reason)
{
	struct sockaddr_v4v addr;

	(void)reason;
	return v4v_parse("another mistake", &addr) == -1 ? (void *)strdup(v4v_strerror()) : NULL;
}

static void reasons(void)
{
	struct sockaddr_v4v addr;
	pthread_t thread;
	void *theirs;

	CHECK(v4v_parse("mistake", &addr) == -1);
	CHECK(pthread_create(&thread, NULL, elsewhere, NULL) == 0 && pthread_join(thread, &theirs) == 0);
	CHECK(theirs && strstr(theirs, "another mistake") && !strstr(v4v_strerror(), "another"));
	free(theirs);
}

static void children(void)
{
	int listener = v4v_listen(5003, 1, 0), status, socket;
	pid_t child = fork();

	if (child == 0) {
		CHECK(v4v_connect_text("gpu:5003", 0) >= 0);
		_exit(0);
	}
	socket = v4v_accept(listener, NULL, 0);
	CHECK(socket >= 0 && waitpid(child, &status, 0) == child && status == 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--no-kernel") == 0) {
		CHECK_FAILS(v4v_family(), EAFNOSUPPORT);
		CHECK_FAILS(v4v_backend(), EAFNOSUPPORT);
		CHECK(strstr(v4v_strerror(), "V4V_BACKEND=kernel"));
		return 0;
	}
	addresses();
	sockets();
	reasons();
	children();
	return 0;
}
