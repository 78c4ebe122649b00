/*
 * gate.pml - the protocol around one commit: a daemon that decides many questions in one transaction and syncs it while it decides the
 * next, processes of one question, one that freezes, one that gives back; killed at any step, power cut at any step, syncs that fail.
 * For Spin.
 *
 * One mailbox of LIMIT tokens, one window: all sends fall into it, so "in any 24 hours" is "ever".  Times are tests/budget/test_tokens.c's
 * and test_schedules.c's matter; here it is orders that count.
 *
 * The log (SQLite's write-ahead log, core/db_log.c, core/db_file.c): `vis` is what everybody who has the store open sees.  A commit writes
 * `tail` behind it; a process of one question syncs, and only then is it seen.  A process that dies in between leaves the tail: nobody sees
 * it while somebody has the store open, and the next writer writes over it; but the first to open a store that nobody has open reads it.
 * The daemon's commit is seen first, and synced by another of its threads, one sync for all that was seen when it began; up to two
 * commits are seen and not synced: `dur`, then `mid`, then `vis`.
 *
 * `dur` is what is left after a power cut; of what is not synced any prefix may be, as a matter of luck.  What a failed sync was to write
 * no later sync writes out, though all see it; the kernel says so once to each who has the file open (`sees`), and to nobody who opens it
 * later.  Whoever sees that and has put it down in STORE.open is one step: to be killed between these two calls is not modelled, but
 * for the daemon, whose mark stands there before.
 *
 * The properties are assertions, the absence of other ends than those named, and `answered` (weak fairness).  Each BREAK_ takes one
 * step out of the protocol, and Spin has to find what that step is for: tests/e2e/model.sh.
 */
#ifndef KILLS
#define KILLS 1
#endif
#ifndef CUTS
#define CUTS 1
#endif
#ifndef FAILS
#define FAILS 1
#endif
#ifndef STOPS
#define STOPS 1 /* of the daemon, in order */
#endif
#define N     3 /* questions: 0 and 1 to the daemon, 2 a process of its own */
#define LIMIT 2

byte vis[N], mid[N], tail[N], dur[N]; /* times charged */
bool vis_frozen, mid_frozen, tail_frozen, dur_frozen;
byte unsynced;  /* commits that are seen and not synced */
byte covered;   /* of these: by the sync that runs */
bool tail_on;   /* a commit was written and is not seen */
bool tail_lost; /* its sync has failed */
bool vis_lost;  /* a sync has failed of what is seen: what is behind it will not be found */
bool header_loose; /* the log was begun anew, and the disk may still hold its old beginning */
bool stale;     /* somebody has committed since the daemon has read it */
bool untidy;    /* STORE.open is not empty: somebody has the store open, or left it by a kill */
bool unsynced_mark;          /* it says that a sync has failed */
bool later_mark, later_held; /* that there is something unsynced to be seen; and its lock, which a kill takes away */

byte lock;  /* 0: free, else 1 + who */
byte users; /* who have the store open: a bit each */
byte sees;  /* who will be told that a sync has failed */
byte epoch; /* power cuts */
byte kills = KILLS, cuts = CUTS, fails = FAILS, stops = STOPS; /* how often it may happen */

#define DAEMON  N
#define FREEZE  (N + 1)
#define RELEASE (N + 2)
#define BIT(who) (1 << (who))

#define CLOSED   0
#define ASKED    1
#define TAKEN    2
#define WAITS    3 /* for a sync to begin */
#define SYNCING  4
#define ANSWERED 5
byte request[N];
bool allowed[N];   /* somebody was told so, and has not begun to give it back */
bool freeze_told;  /* "frozen" was said */

inline count_allowed()
{
	d_step {
		assert(allowed[0] + allowed[1] + allowed[2] <= LIMIT);
	}
}

/* Steps are atomic, what is between them is not.  Before each: the power may be gone, and with it this process. */
#define ALIVE (epoch == born)

inline copy_vis_to_tail()
{
	tail[0] = vis[0]; tail[1] = vis[1]; tail[2] = vis[2]; tail_frozen = vis_frozen;
}

inline copy_vis_to_dur()
{
	dur[0] = vis[0]; dur[1] = vis[1]; dur[2] = vis[2]; dur_frozen = vis_frozen;
}

inline copy_mid_to_dur()
{
	dur[0] = mid[0]; dur[1] = mid[1]; dur[2] = mid[2]; dur_frozen = mid_frozen;
}

/* What has no meaning is no state of its own. */
inline clear_tail()
{
	tail[0] = 0; tail[1] = 0; tail[2] = 0; tail_frozen = false;
	tail_on = false; tail_lost = false
}

inline clear_mid()
{
	mid[0] = 0; mid[1] = 0; mid[2] = 0; mid_frozen = false
}

/* What is written is seen; not synced, as far as is known here. */
inline publish()
{
	if
	:: unsynced == 1 -> mid[0] = vis[0]; mid[1] = vis[1]; mid[2] = vis[2]; mid_frozen = vis_frozen
	:: else
	fi;
	unsynced = (unsynced < 2 -> unsynced + 1 : 2);
	vis[0] = tail[0]; vis[1] = tail[1]; vis[2] = tail[2]; vis_frozen = tail_frozen;
	vis_lost = vis_lost || tail_lost;
	clear_tail();
	stale = true;
	assert(vis[0] <= 1 && vis[1] <= 1 && vis[2] <= 1);  /* asked again is not charged again */
	assert(vis[0] + vis[1] + vis[2] <= LIMIT)
}

/*
 * Under the store's lock, and not while something is to be seen that waits for its sync.  Alone: the log is read from its start, with the
 * tail.  After a kill or a failed sync it is written again and synced before anything rests on it; but who is killed beside somebody that
 * leaves in order is not noticed.
 */
#ifdef BREAK_WAIT
#define MAY_OPEN (lock == 0)
#else
#define MAY_OPEN (lock == 0 && !later_held)
#endif
#ifdef BREAK_BESIDE
#define LOOSE (users == 0 && (untidy || unsynced_mark || later_mark))
#elif defined(BREAK_SETTLE)
#define LOOSE false
#else
#define LOOSE (users == 0 && untidy || unsynced_mark || later_mark && !later_held)
#endif

inline open_store(who)
{
	if
	:: users == 0 && tail_on -> publish()
	:: else
	fi;
	if
	:: LOOSE ->
		copy_vis_to_dur(); clear_mid();
		unsynced = 0; covered = 0; vis_lost = false; header_loose = false;
		unsynced_mark = false; later_mark = false
	:: else
	fi;
	untidy = true;
	users = users | BIT(who);
	sees = sees & ~BIT(who)
}

inline die(who)
{
	users = users & ~BIT(who);
	lock = (lock == 1 + (who) -> 0 : lock)
}

inline leave_store(who)
{
	users = users & ~BIT(who);
	if
	:: users == 0 ->
#ifdef BREAK_MARK
		untidy = false; unsynced_mark = false; later_mark = false
#else
		untidy = unsynced_mark || later_mark
#endif
	:: else
	fi
}

/* What is synced is the whole log up to here. */
inline sync_holds()
{
	publish();
	if
	:: !vis_lost -> copy_vis_to_dur(); clear_mid(); unsynced = 0; covered = 0; header_loose = false
	:: else
	fi
}

/* Or it is told of one that failed before. */
inline sync_fails(who)
{
	if
	:: sees & BIT(who) -> sees = sees & ~BIT(who)
	:: else ->
		fails--;
		sees = users & ~BIT(who);
		tail_lost = tail_on;
		vis_lost = vis_lost || unsynced > 0
	fi
}

#define FAILS_NOW(who) (fails > 0 || sees & BIT(who))
#define HOLDS_NOW(who) (!(sees & BIT(who)))

#define SPENT(a) (a[0] + a[1] + a[2])

/* ---- a process of one question ---- */

proctype Check(byte id)
{
	byte born;
	bool admit, repeat;

again:
	atomic {
		MAY_OPEN;
		born = epoch;
		open_store(id);
	}
	atomic {
#ifdef BREAK_LOCK
		if
		:: !ALIVE -> goto again
		:: else
		fi
#else
		if
		:: !ALIVE -> goto again
		:: ALIVE && lock == 0 -> lock = 1 + id
		fi;
#endif
	}
decide:
	atomic {
		if
		:: !ALIVE -> goto again
		:: else
		fi;
		repeat = vis[id] > 0;
#ifdef BREAK_REPEAT
		repeat = false;
#endif
		admit = !repeat && !vis_frozen && SPENT(vis) < LIMIT;
		repeat = repeat && !vis_frozen;
		if
		:: admit || repeat ->
			assert(!freeze_told);
			copy_vis_to_tail();
			if
			:: admit -> tail[id]++
			:: else
			fi
		:: else
		fi
	}
	/* A repeated allow writes too: a commit without a write syncs nothing. */
	if
#ifdef BREAK_WRITE
	:: repeat -> goto answer
	:: admit -> skip
#else
	:: admit || repeat -> skip
#endif
	:: else -> goto answer
	fi;
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; die(id); goto again
		:: ALIVE -> tail_on = true; tail_lost = false
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; die(id); goto again
		:: ALIVE && FAILS_NOW(id) -> sync_fails(id); unsynced_mark = true; die(id); goto again
		:: ALIVE && HOLDS_NOW(id) -> sync_holds()
		fi
	}
answer:
	/* The lock is given up first: nobody waits for somebody who speaks. */
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE -> lock = (lock == 1 + id -> 0 : lock)
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; die(id); goto again
		:: ALIVE ->
			leave_store(id);
			allowed[id] = allowed[id] || admit || repeat;
#ifndef TWICE
			request[id] = ANSWERED;
#endif
			count_allowed()
		fi
	}
}

/* ---- the daemon, and who asks it: again, when the connection was closed without an answer ---- */

proctype Postfix(byte id)
{
	do
	:: request[id] == CLOSED -> request[id] = ASKED
	:: request[id] == ANSWERED -> break
	od
}

#define HANG_UP(id) request[id] = (request[id] == ANSWERED -> ANSWERED : CLOSED)

byte life;      /* of the daemon: how many there were */
bool in_flight; /* a commit that will be left unsynced has begun */
bool yes[2];    /* what it is going to say */

inline daemon_gone()
{
	life++;
	later_held = false; in_flight = false; covered = 0;
	yes[0] = false; yes[1] = false;
	HANG_UP(0);
	HANG_UP(1)
}

inline daemon_dies()
{
	die(DAEMON);
	daemon_gone()
}

inline judge(id)
{
	if
	:: request[id] == TAKEN ->
		yes[id] = held[id] > 0;
#ifdef BREAK_REPEAT
		yes[id] = false;
#endif
		if
		:: yes[id] ->
#ifndef BREAK_WRITE
			writes = true;
#endif
			yes[id] = !held_frozen
		:: !yes[id] && !held_frozen && SPENT(held) < LIMIT ->
			assert(!freeze_told);
			held[id]++; writes = true; yes[id] = true
		:: else
		fi
	:: else
	fi
}

inline move(id, from, to)
{
	request[id] = (request[id] == from -> to : request[id])
}

inline tell(id, from)
{
	if
	:: request[id] == from ->
		allowed[id] = allowed[id] || yes[id];
		request[id] = ANSWERED;
		yes[id] = false
	:: else
	fi
}

#define WAITING (request[0] == WAITS || request[1] == WAITS)
#define AWAY    (WAITING || request[0] == SYNCING || request[1] == SYNCING)
#define CALLED  (request[0] == ASKED || request[1] == ASKED)
#define LIVES   (epoch == born && life == mine)

/* The thread that reads and decides. */
proctype Decide()
{
	byte born, mine, held[N];
	bool held_frozen, writes, later;

again:
	atomic {
		/* After a power cut everybody was hung up on already. */
		MAY_OPEN;
		born = epoch; mine = life;
		open_store(DAEMON);
		held_frozen = vis_frozen;
		held[0] = vis[0]; held[1] = vis[1]; held[2] = vis[2];
		stale = false; writes = false; later = false
	}
	do
	:: true ->
end_idle:
		atomic {
			if
			:: !LIVES -> goto again
			:: LIVES && kills > 0 && CALLED -> kills--; daemon_dies(); goto again
			:: LIVES && stops > 0 && CALLED && !AWAY -> stops--; leave_store(DAEMON); daemon_gone(); goto again
			:: LIVES && CALLED ->
				/* All that wait now share one transaction. */
				move(0, ASKED, TAKEN);
				move(1, ASKED, TAKEN)
			fi
		}
		atomic {
			if
			:: !LIVES -> goto again
			:: LIVES && lock == 0 -> lock = 1 + DAEMON
			fi
		}
		atomic {
			if
			:: LIVES ->
				/* What it holds in memory is read again when anybody has committed since. */
				if
#ifndef BREAK_REFRESH
				:: stale ->
					held[0] = vis[0]; held[1] = vis[1]; held[2] = vis[2];
					held_frozen = vis_frozen; stale = false
#endif
				:: else
				fi;
				writes = false;
				judge(0);
				judge(1)
			:: else
			fi
		}
		/* A small round with nothing before it is synced where it is decided; so is one while another's failed sync is not made good. */
		atomic {
			if
			:: !LIVES -> goto again
			:: LIVES && !AWAY -> later = false
			:: LIVES && !unsynced_mark && (!later_mark || later_held) ->
				later = true; in_flight = true; later_held = true; later_mark = true
			fi
		}
		atomic {
			if
			:: !LIVES -> goto again
			:: LIVES && !writes
			:: LIVES && writes && kills > 0 -> kills--; daemon_dies(); goto again
			:: LIVES && writes ->
				tail[0] = held[0]; tail[1] = held[1]; tail[2] = held[2]; tail_frozen = held_frozen;
				tail_on = true; tail_lost = false;
#ifdef BREAK_HEADER
				/* All was written back, so the log is begun anew. */
				header_loose = header_loose || unsynced == 0
#endif
			fi
		}
		atomic {
			if
			:: !LIVES -> goto again
			:: LIVES && !writes
			:: LIVES && writes && kills > 0 -> kills--; daemon_dies(); goto again
			/* Nobody knows: nobody is answered, and a new process opens the store. */
			:: LIVES && writes && !later && FAILS_NOW(DAEMON) ->
				sync_fails(DAEMON); unsynced_mark = true; daemon_dies(); goto again
			:: LIVES && writes && !later && HOLDS_NOW(DAEMON) -> sync_holds(); stale = false
			:: LIVES && writes && later -> publish(); stale = false
			fi
		}
		atomic {
			if
			:: !LIVES -> goto again
			:: LIVES && kills > 0 -> kills--; daemon_dies(); goto again
			:: LIVES && !later -> lock = 0; writes = false; tell(0, TAKEN); tell(1, TAKEN); count_allowed()
			:: LIVES && later ->
				lock = 0; in_flight = false; later = false; writes = false;
#ifdef BREAK_ORDER
				tell(0, TAKEN); tell(1, TAKEN); count_allowed();
				later_held = false; later_mark = false
#else
				move(0, TAKEN, WAITS); move(1, TAKEN, WAITS)
#endif
			fi
		}
	od
}

/* The thread that syncs. */
proctype Sync()
{
	byte born, mine;

	do
	:: true ->
end_idle:
		atomic {
			WAITING ->
			born = epoch; mine = life;
			move(0, WAITS, SYNCING); move(1, WAITS, SYNCING);
			covered = unsynced
		}
		atomic {
			if
			:: !LIVES -> goto next
			:: LIVES && kills > 0 -> kills--; daemon_dies(); goto next
			:: LIVES && FAILS_NOW(DAEMON) ->
				sync_fails(DAEMON);
#ifdef BREAK_UNKNOWN
				/* Taken for written: a second sync of the same descriptor says so. */
				covered = 0
#else
				goto failed
#endif
			:: LIVES && HOLDS_NOW(DAEMON) ->
				if
				:: covered > 0 && covered == unsynced -> copy_vis_to_dur(); clear_mid(); unsynced = 0; header_loose = false
				:: covered == 1 && unsynced == 2 -> copy_mid_to_dur(); clear_mid(); unsynced = 1; header_loose = false
				:: else
				fi;
				covered = 0
			fi;
			/* Unless another one is on its way. */
			if
			:: !in_flight && !WAITING -> later_held = false; later_mark = false
			:: else
			fi
		}
		atomic {
			if
			:: !LIVES -> goto next
			:: LIVES && kills > 0 -> kills--; daemon_dies()
			:: LIVES ->
				tell(0, SYNCING); tell(1, SYNCING);
#ifdef BREAK_BEGUN
				tell(0, WAITS); tell(1, WAITS);
				later_held = in_flight; later_mark = in_flight;
#endif
				count_allowed()
			fi
		}
		goto next;
failed:
		/* The other thread may still show something, and others build on it, until the process is gone; in order or not. */
		atomic {
			if
			:: !LIVES
			:: LIVES -> unsynced_mark = true; daemon_dies()
			:: LIVES && kills > 0 -> kills--; daemon_dies()
			fi
		}
next:
		skip
	od
}

/* ---- freeze, and give back: transactions like the others ---- */

#ifndef NO_FREEZE
proctype Freeze()
{
	byte born;

again:
	atomic {
		MAY_OPEN;
		born = epoch;
		open_store(FREEZE);
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && lock == 0 -> lock = 1 + FREEZE
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; die(FREEZE); goto again
		:: ALIVE -> copy_vis_to_tail(); tail_frozen = true; tail_on = true; tail_lost = false
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; die(FREEZE); goto again
		:: ALIVE && FAILS_NOW(FREEZE) -> sync_fails(FREEZE); unsynced_mark = true; die(FREEZE); goto again
		:: ALIVE && HOLDS_NOW(FREEZE) -> sync_holds(); lock = 0; leave_store(FREEZE); freeze_told = true
		fi
	}
}

#endif

#ifndef NO_RELEASE
proctype Release(byte id)
{
	byte born;

end_unused:
	atomic {
		allowed[id];
		/* From here on it is not sent. */
		allowed[id] = false
	}
again:
	atomic {
		MAY_OPEN;
		born = epoch;
		open_store(RELEASE);
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && lock == 0 -> lock = 1 + RELEASE
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; die(RELEASE); goto again
		:: ALIVE -> copy_vis_to_tail(); tail[id] = 0; tail_on = true; tail_lost = false
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; die(RELEASE); goto again
		:: ALIVE && FAILS_NOW(RELEASE) -> sync_fails(RELEASE); unsynced_mark = true; die(RELEASE); goto again
		:: ALIVE && HOLDS_NOW(RELEASE) -> sync_holds(); lock = 0; leave_store(RELEASE)
		fi
	}
}
#endif

/* ---- the power: everything in memory is gone, and everybody is hung up on ---- */

proctype Power()
{
end_power:
	do
	:: cuts > 0 ->
		atomic {
			cuts--;
			/* What was not synced may have reached the disk by itself, up to anywhere. */
			if
			:: tail_on -> publish(); copy_vis_to_dur()
			:: unsynced > 0 -> copy_vis_to_dur()
			:: unsynced == 2 -> copy_mid_to_dur()
			:: header_loose -> dur[0] = 0; dur[1] = 0; dur[2] = 0; dur_frozen = false
			:: true
			fi;
			vis[0] = dur[0]; vis[1] = dur[1]; vis[2] = dur[2]; vis_frozen = dur_frozen;
			clear_mid();
			clear_tail();
			vis_lost = false; header_loose = false;
			unsynced = 0; covered = 0;
			lock = 0; users = 0; sees = 0; stale = true; epoch++;
			untidy = false; unsynced_mark = false; later_mark = false; later_held = false; in_flight = false;
			yes[0] = false; yes[1] = false;
			HANG_UP(0);
			HANG_UP(1);
			/* What was said is on the disk. */
			assert(!allowed[0] || dur[0] > 0);
			assert(!allowed[1] || dur[1] > 0);
			assert(!allowed[2] || dur[2] > 0);
			assert(!freeze_told || dur_frozen);
			assert(dur[0] + dur[1] + dur[2] <= LIMIT)
		}
	od
}

init {
	atomic {
		run Power();
		run Decide();
		run Sync();
		run Postfix(0);
		run Postfix(1);
#ifdef TWICE
		run Check(0); /* what the daemon is asked, asked elsewhere too */
#else
		run Check(2);
#endif
#ifndef NO_FREEZE
		run Freeze();
#endif
#ifndef NO_RELEASE
		run Release(0);
#endif
	}
}

ltl answered { <>(request[0] == ANSWERED && request[1] == ANSWERED && request[2] == ANSWERED) }
