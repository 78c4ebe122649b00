/*
 * proc.c - spawn, read, wait, and kill what is late.
 *
 * Sources: posix_spawn(3), pidfd_open(2).
 * The child is its own process group, so that a deadline ends what it started too.  Its end is seen by a pidfd and not by the
 * end of its output, which a program left behind in the background may hold open for ever.
 */
#include "core/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLICE_MS     100 /* the longest poll: the deadline is the clock's, which may be another than poll's */
#define LAST_READS   64  /* of what the ended child left in the pipe, which holds 64 KiB */
#define FIRST_UNUSED 3

struct child {
	pid_t pid;
	int pidfd;
	int output; /* the reading end */
};

static bool
same_name(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return strncmp(a, b, len) == 0 && b[len] == '=';
}

/* Our environment with extra over it: an array of borrowed strings. */
static int
make_environment(const char *const *extra, char ***out, struct err *err)
{
	size_t n = 0, n_ours = 0, n_extra = 0;
	char **all;

	while (environ != NULL && environ[n_ours] != NULL)
		n_ours++;
	while (extra != NULL && extra[n_extra] != NULL)
		n_extra++;
	all = calloc(n_ours + n_extra + 1, sizeof(*all));
	if (all == NULL)
		return err_nomem(err, "environment");
	for (size_t i = 0; i < n_ours; i++) {
		bool replaced = false;

		for (size_t k = 0; k < n_extra && !replaced; k++)
			replaced = same_name(extra[k], environ[i]);
		if (!replaced)
			all[n++] = environ[i];
	}
	/* posix_spawn promises not to change them; its prototype is older than const. */
	for (size_t k = 0; k < n_extra; k++)
		all[n++] = (char *)(uintptr_t)extra[k];
	*out = all;
	return CR_OK;
}

static int
set_up(posix_spawn_file_actions_t *files, posix_spawnattr_t *attr, int output)
{
	sigset_t none, all;
	int rc;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	rc = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(files, output, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(files, output, STDERR_FILENO);
	/* Whatever a library forgot to mark close-on-exec: sockets, the store. */
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(files, FIRST_UNUSED);
	if (rc == 0)
		rc = posix_spawnattr_setpgroup(attr, 0);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(attr, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(attr, &all);
	if (rc == 0)
		rc = posix_spawnattr_setflags(attr,
		                              POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return rc;
}

/* 0 or errno. */
static int
spawn(const char *const *argv, char **environment, int output, pid_t *pid_out)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int rc = posix_spawn_file_actions_init(&files);

	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc != 0)
		goto out_files;
	rc = set_up(&files, &attr, output);
	if (rc == 0)
		rc = posix_spawnp(pid_out, argv[0], &files, &attr, (char *const *)(uintptr_t)argv, environment);
	(void)posix_spawnattr_destroy(&attr);
out_files:
	(void)posix_spawn_file_actions_destroy(&files);
	return rc;
}

static int
start(const char *const *argv, const char *const *env, struct child *c, struct err *err)
{
	char **environment = NULL;
	int ends[2] = {-1, -1};
	int errnum, rc;

	rc = make_environment(env, &environment, err);
	if (rc != CR_OK)
		return rc;
	if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
		rc = err_errno(err, CR_EIO, errno, argv[0]);
		goto out;
	}
	errnum = spawn(argv, environment, ends[1], &c->pid);
	if (errnum == ENOENT)
		rc = err_set(err, CR_ENOTFOUND, "no program '%s'", argv[0]);
	else if (errnum != 0)
		rc = err_errno(err, CR_EIO, errnum, argv[0]);
	if (rc != CR_OK)
		goto out;
	c->output = ends[0];
	ends[0] = -1;
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd < 0)
		rc = err_errno(err, CR_EIO, errno, "pidfd_open");
out:
	if (ends[0] >= 0)
		(void)close(ends[0]);
	if (ends[1] >= 0)
		(void)close(ends[1]);
	free(environment);
	return rc;
}

/* One read; false at the end of the output or when there is nothing just now. */
static bool
take_output(int fd, struct buf *output)
{
	char part[4096];
	ssize_t got = read(fd, part, sizeof(part));
	size_t room;

	if (got <= 0)
		return got < 0 && errno == EINTR;
	if (output == NULL)
		return true;
	/* Up to the ceiling: a cut text is still worth showing, and a full pipe would stop the child. */
	room = (output->max_bytes != 0 ? output->max_bytes : BUF_MAX_DEFAULT) - output->len;
	buf_add(output, part, (size_t)got < room ? (size_t)got : room);
	return true;
}

/* Until the child has ended; CR_ERETRY when the time is over first. */
static int
follow(struct child *c, const struct clock *clock, int64_t until_ms, struct buf *output, struct err *err)
{
	struct pollfd fds[] = {
		{.fd = c->pidfd,  .events = POLLIN},
		{.fd = c->output, .events = POLLIN},
	};

	for (;;) {
		int64_t left = until_ms - clock_boot_ms(clock);

		if (left <= 0)
			return CR_ERETRY;
		if (poll(fds, ARRAY_LEN(fds), (int)(left < SLICE_MS ? left : SLICE_MS)) < 0 && errno != EINTR)
			return err_errno(err, CR_EIO, errno, "poll");
		/* An end of output that is not the child's end would wake poll for ever. */
		if (fds[1].revents != 0 && !take_output(c->output, output) && (fds[1].revents & POLLHUP) != 0)
			fds[1].fd = -1;
		if ((fds[0].revents & POLLIN) != 0)
			break;
	}
	for (int i = 0; i < LAST_READS && take_output(c->output, output); i++)
		continue;
	return CR_OK;
}

/* Reap; 0..255 or 128 + signal. */
static int
reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int
proc_run(const char *const *argv, const char *const *env, const struct clock *clock, int64_t deadline_ms,
         struct buf *output, int *status_out, struct err *err)
{
	struct child c = {.pid = -1, .pidfd = -1, .output = -1};
	int64_t until_ms = clock_boot_ms(clock) + deadline_ms;
	int status = 0;
	int rc = start(argv, env, &c, err);

	if (rc == CR_OK)
		rc = follow(&c, clock, until_ms, output, err);
	if (c.pid > 0) {
		if (rc != CR_OK)
			(void)kill(-c.pid, SIGKILL);
		status = reap(c.pid);
	}
	if (rc == CR_ERETRY)
		rc = err_set(err, CR_ERETRY, "'%s' was not done after %lld s and was stopped", argv[0],
		             (long long)(deadline_ms / 1000));
	if (rc == CR_OK && output != NULL)
		rc = buf_check(output, argv[0], err);
	if (rc == CR_OK)
		*status_out = status;
	if (c.pidfd >= 0)
		(void)close(c.pidfd);
	if (c.output >= 0)
		(void)close(c.output);
	return rc;
}
