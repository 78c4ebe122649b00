/*
 * gate.pml - the protocol around one commit: a daemon that decides many questions in one transaction, processes of one question, one
 * that freezes, one that gives back; killed at any step, power cut at any step, syncs that fail.  For Spin.
 *
 * One mailbox of LIMIT tokens, one window: all sends fall into it, so "in any 24 hours" is "ever".  Times are tests/budget/test_tokens.c's
 * and test_schedules.c's matter; here it is orders that count.
 *
 * The log (SQLite's write-ahead log, core/db_file.c): `vis` is what everybody who has the store open sees.  A commit writes `tail`
 * behind it, syncs, and only then is it seen.  A process that dies in between leaves the tail: nobody sees it while somebody has the
 * store open, and the next writer writes over it; but the first to open a store that nobody has open reads it.  `dur` is what is left
 * after a power cut; of an unsynced tail that is a matter of luck.  A sync that fails leaves a tail that no later sync writes out.
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

byte vis[N], tail[N], dur[N]; /* times charged */
bool vis_frozen, tail_frozen, dur_frozen;
bool tail_on;   /* a commit was written and not yet synced */
bool tail_lost; /* its sync has failed */
bool vis_lost;  /* such a commit was read from the log as if it held: what is behind it will not be found */
byte version;   /* of vis */
bool untidy;    /* STORE.open is not empty: somebody has the store open, or left it by a kill */
bool unsynced;  /* it says that a sync has failed */

byte lock;  /* 0: free, else 1 + who */
byte users; /* who have the store open */
byte epoch; /* power cuts */
byte kills = KILLS, cuts = CUTS, fails = FAILS, stops = STOPS; /* how often it may happen */

#define CLOSED   0
#define ASKED    1
#define TAKEN    2
#define ANSWERED 3
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

inline copy_tail_to_vis()
{
	vis[0] = tail[0]; vis[1] = tail[1]; vis[2] = tail[2]; vis_frozen = tail_frozen;
}

inline copy_vis_to_dur()
{
	dur[0] = vis[0]; dur[1] = vis[1]; dur[2] = vis[2]; dur_frozen = vis_frozen;
}

/*
 * Alone: the log is read from its start, with the tail.  After a kill or a failed sync it is written again and synced before anything
 * rests on it; but who is killed beside somebody that leaves in order is not noticed.
 */
inline open_store()
{
	if
	:: users == 0 && tail_on ->
		copy_tail_to_vis();
		version++;
		vis_lost = vis_lost || tail_lost;
		tail_on = false; tail_lost = false
	:: else
	fi;
#ifndef BREAK_SETTLE
	if
	:: users == 0 && (untidy || unsynced) ->
		copy_vis_to_dur();
		vis_lost = false; unsynced = false
	:: else
	fi;
#endif
	untidy = true;
	users++;
}

inline leave_store()
{
	users--;
	if
	:: users == 0 ->
		untidy = false;
#ifdef BREAK_MARK
		unsynced = false
#endif
	:: else
	fi
}

/* What is synced is the whole log up to here. */
inline sync_holds()
{
	copy_tail_to_vis();
	version++;
	tail_on = false;
	if
	:: !vis_lost -> copy_vis_to_dur()
	:: else
	fi;
	assert(vis[0] <= 1 && vis[1] <= 1 && vis[2] <= 1);  /* asked again is not charged again */
	assert(vis[0] + vis[1] + vis[2] <= LIMIT);
}

inline sync_fails()
{
	fails--;
	tail_lost = true;
	unsynced = true;
}

/* One decision, on what the process holds for the truth: spent and frozen. */
#define SPENT(a) (a[0] + a[1] + a[2])

#define unlock(who) lock = (lock == (who) -> 0 : lock)

/* ---- a process of one question ---- */

proctype Check(byte id)
{
	byte born;
	bool admit, repeat;

again:
	atomic {
		born = epoch;
		open_store();
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
		:: ALIVE && kills > 0 -> kills--; users--; unlock(1 + id); goto again
		:: ALIVE -> tail_on = true; tail_lost = false
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; users--; unlock(1 + id); goto again
		:: ALIVE && fails > 0 -> sync_fails(); users--; unlock(1 + id); goto again
		:: ALIVE -> sync_holds()
		fi
	}
answer:
	/* The lock is given up first: nobody waits for somebody who speaks. */
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE -> unlock(1 + id)
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; users--; goto again
		:: ALIVE ->
			leave_store();
			allowed[id] = admit || repeat;
			request[id] = ANSWERED;
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

inline daemon_dies()
{
	users--;
	unlock(1 + N);
	HANG_UP(0);
	HANG_UP(1);
}

inline daemon_stops()
{
	leave_store();
	HANG_UP(0);
	HANG_UP(1);
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

inline tell(id)
{
	if
	:: request[id] == TAKEN ->
		allowed[id] = yes[id];
		request[id] = ANSWERED;
		yes[id] = false
	:: else
	fi
}

proctype Daemon()
{
	byte born, held[N], held_version;
	bool held_frozen, writes, yes[2];

again:
	atomic {
		/* After a power cut everybody was hung up on already. */
		born = epoch;
		open_store();
		held_version = version; held_frozen = vis_frozen;
		held[0] = vis[0]; held[1] = vis[1]; held[2] = vis[2];
		yes[0] = false; yes[1] = false; writes = false;
	}
	do
	:: true ->
end_idle:
		atomic {
			if
			:: !ALIVE -> goto again
			:: ALIVE && kills > 0 && (request[0] == ASKED || request[1] == ASKED) -> kills--; daemon_dies(); goto again
			:: ALIVE && stops > 0 && (request[0] == ASKED || request[1] == ASKED) -> stops--; daemon_stops(); goto again
			:: ALIVE && (request[0] == ASKED || request[1] == ASKED) ->
				/* All that wait now share one transaction. */
				request[0] = (request[0] == ASKED -> TAKEN : request[0]);
				request[1] = (request[1] == ASKED -> TAKEN : request[1])
			fi
		}
		atomic {
			if
			:: !ALIVE -> goto again
			:: ALIVE && lock == 0 -> lock = 1 + N
			fi
		}
		atomic {
			if
			:: ALIVE ->
				/* What it holds in memory is read again when anybody has committed since. */
				if
#ifndef BREAK_REFRESH
				:: held_version != version ->
					held[0] = vis[0]; held[1] = vis[1]; held[2] = vis[2];
					held_frozen = vis_frozen; held_version = version
#endif
				:: else
				fi;
				writes = false;
				judge(0);
				judge(1)
			:: else
			fi
		}
		atomic {
			if
			:: !ALIVE -> goto again
			:: ALIVE && !writes -> goto told
			:: ALIVE && writes && kills > 0 -> kills--; daemon_dies(); goto again
			:: ALIVE && writes ->
				tail[0] = held[0]; tail[1] = held[1]; tail[2] = held[2]; tail_frozen = held_frozen;
				tail_on = true; tail_lost = false
			fi
		}
#ifdef BREAK_ORDER
		atomic {
			if
			:: ALIVE -> tell(0); tell(1); count_allowed()
			:: else
			fi
		}
#endif
		atomic {
			if
			:: !ALIVE -> goto again
			:: ALIVE && kills > 0 -> kills--; daemon_dies(); goto again
			/* Nobody knows: nobody is answered, and a new process opens the store. */
			:: ALIVE && fails > 0 ->
				sync_fails();
#ifdef BREAK_UNKNOWN
				/* Taken for written: a second sync says so. */
				copy_tail_to_vis(); version++; tail_on = false; vis_lost = true; held_version = version
#else
				daemon_dies(); goto again
#endif
			:: ALIVE -> sync_holds(); held_version = version
			fi
		}
told:
		atomic {
			if
			:: !ALIVE -> goto again
			:: ALIVE && kills > 0 -> kills--; daemon_dies(); goto again
			:: ALIVE -> lock = 0; tell(0); tell(1); count_allowed()
			fi
		}
	od
}

/* ---- freeze, and give back: transactions like the others ---- */

proctype Freeze()
{
	byte born;

again:
	atomic {
		born = epoch;
		open_store();
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && lock == 0 -> lock = 2 + N
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; users--; lock = 0; goto again
		:: ALIVE -> copy_vis_to_tail(); tail_frozen = true; tail_on = true; tail_lost = false
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; users--; lock = 0; goto again
		:: ALIVE && fails > 0 -> sync_fails(); users--; lock = 0; goto again
		:: ALIVE -> sync_holds(); lock = 0; leave_store(); freeze_told = true
		fi
	}
}

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
		born = epoch;
		open_store();
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && lock == 0 -> lock = 3 + N
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; users--; lock = 0; goto again
		:: ALIVE -> copy_vis_to_tail(); tail[id] = 0; tail_on = true; tail_lost = false
		fi
	}
	atomic {
		if
		:: !ALIVE -> goto again
		:: ALIVE && kills > 0 -> kills--; users--; lock = 0; goto again
		:: ALIVE && fails > 0 -> sync_fails(); users--; lock = 0; goto again
		:: ALIVE -> sync_holds(); lock = 0; leave_store()
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
			/* What was not synced may have reached the disk by itself. */
			if
			:: tail_on -> copy_tail_to_vis(); copy_vis_to_dur()
			:: !tail_on -> copy_vis_to_dur()
			:: true
			fi;
			vis[0] = dur[0]; vis[1] = dur[1]; vis[2] = dur[2]; vis_frozen = dur_frozen;
			tail[0] = 0; tail[1] = 0; tail[2] = 0; tail_frozen = false;
			tail_on = false; tail_lost = false; vis_lost = false;
			lock = 0; users = 0; version++; epoch++; untidy = false; unsynced = false;
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
		run Daemon();
		run Postfix(0);
		run Postfix(1);
		run Check(2);
		run Freeze();
#ifndef NO_RELEASE
		run Release(0);
#endif
	}
}

ltl answered { <>(request[0] == ANSWERED && request[1] == ANSWERED && request[2] == ANSWERED) }
