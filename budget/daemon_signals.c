/*
 * daemon_signals.c - SIGTERM and SIGINT end the daemon, SIGHUP has it read its configuration again; and what the service manager is told.
 */
#include "budget/daemon_inside.h"

#include "core/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

void
daemon_tell_ready(struct daemon *d, const char *more)
{
	char status[256];

	(void)snprintf(status, sizeof(status), "answering at %s%s", d->listener.at.text, more);
	if (d->o.notify != NULL)
		notify_ready(d->o.notify, status);
}

static void
reload(struct daemon *d)
{
	struct err err = {0};

	daemon_settle(d);
	if (d->o.notify != NULL)
		notify_reloading(d->o.notify);
	if (d->o.reload(d->o.arg, d, &err) == CR_OK) {
		d->metrics.reloads++;
		log_info("the configuration was read again and holds from now on");
		daemon_tell_ready(d, "");
		return;
	}
	d->metrics.reloads_failed++;
	log_error("the configuration is not taken over, the old one holds: %s", err.text);
	daemon_tell_ready(d, "; the last configuration was wrong, the one before holds");
}

void
daemon_take_signal(struct daemon *d)
{
	struct signalfd_siginfo s;

	if (read(d->signals, &s, sizeof(s)) != (ssize_t)sizeof(s))
		return;
	if (s.ssi_signo != SIGHUP)
		d->stopping = true;
	else if (d->o.reload != NULL)
		reload(d);
}

int
daemon_open_signals(struct daemon *d, struct err *err)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = &d->signals};
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, &d->old_signals) != 0)
		return err_errno(err, CR_EIO, errno, "signals");
	d->signals_blocked = true;
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signals < 0 || epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->signals, &e) != 0)
		return err_errno(err, CR_EIO, errno, "signals");
	return CR_OK;
}
