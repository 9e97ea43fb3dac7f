/* Who may append to one partition of the ledger: claim, fence, read, append, acknowledge (P1 to P7).

   Several owners want one partition. Each asks the coordinator for a producer identity, appends its
   claim, fences every other identity, reads the state up to its last control row, and then appends
   one batch after another. Any of them may die at any step, lose an answer, or sleep for as long as
   it likes and go on as if nothing had happened. README.md beside this file tells how it is run, what
   each NO_... or other rule-removing flag takes away, and what is left out. */

#ifndef OWNERS
#define OWNERS 2
#endif
#ifndef CLAIMS
#define CLAIMS 2              /* lives of one owner: each begins with a claim */
#endif
#ifndef DECISIONS
#define DECISIONS 3           /* batches decided by all owners together */
#endif
#define ROWS 14               /* rows that the log has room for; offset 0 stays free and means "none" */
#define IDENTITIES 2          /* producer ids that the coordinator may hand out */
#define SEQUENCES 5           /* a claim and every decision under one epoch */
#define LAST_PERIOD 2

mtype = { refused, appended, repeated };

/* The log. Control rows keep what a reader who comes this far knows. */
typedef Row {
    byte nonce;               /* who wrote it */
    byte state;               /* the newest decision that counts */
    byte claim;               /* the offset of the newest claim */
}
Row log[ROWS];
byte end = 1;
byte state = 0;               /* as in the newest row */
byte newest_claim = 0;
byte claimed_epoch[IDENTITIES];   /* @claim/<id> rows: epoch + 1 of the newest claim, 0 once it is fenced */

/* The broker's memory of each producer id. */
typedef Producer {
    bool known;
    byte epoch;
    byte sequence;
    byte quiet;               /* periods since its last row */
    byte offset_of[SEQUENCES];
}
Producer producer[IDENTITIES];

/* The transaction coordinator: what it hands out next. */
byte next_identity = 0;
byte next_epoch = 0;
bool may_repeat = true;

/* Owners, as far as others must see them. */
typedef Life {
    byte identity;
    byte epoch;
    byte term;
    byte acked_in;            /* period of the newest acknowledgement */
    bool serving;             /* has read the state: may append decisions */
}
Life life[OWNERS];

byte decided = 0;
byte under_way = 0;           /* batches that left their owner and did not reach the broker yet */
byte period = 0;              /* half the time for which a broker remembers a silent producer */

/* Would a batch of this owner, sent now, become a decision? */
#ifdef NO_TERM
#define COUNTS(t) true
#else
#define COUNTS(t) ((t) == newest_claim)
#endif
#ifdef NO_LEASE
#define LEASED(o) true
#else
#define LEASED(o) (period <= life[o].acked_in + 1)
#endif
#define ACCEPTED(o) (!producer[life[o].identity].known || producer[life[o].identity].epoch <= life[o].epoch)
#define EFFECTIVE(o) (life[o].serving && ACCEPTED(o) && LEASED(o) && COUNTS(life[o].term))

/* No two are alike: one for each control row of each life. */
#define NONCE(n) (1 + 2 * (CLAIMS * me + lives - 1) + n)

#if OWNERS == 2
#define AT_MOST_ONE assert(EFFECTIVE(0) + EFFECTIVE(1) <= 1)
#else
#define AT_MOST_ONE assert(EFFECTIVE(0) + EFFECTIVE(1) + EFFECTIVE(2) <= 1)
#endif

/* One produce request reaches the leader: gives `reply`, and `at`, the offset that it names. */
inline produce(who, as_epoch, as_sequence) {
    if
#ifndef NO_EPOCH_CHECK
    :: producer[who].known && as_epoch < producer[who].epoch -> reply = refused
#endif
    :: producer[who].known && as_epoch > producer[who].epoch && as_sequence != 0 -> reply = refused
    :: producer[who].known && as_epoch == producer[who].epoch &&
            as_sequence > producer[who].sequence + 1 -> reply = refused
    :: producer[who].known && as_epoch == producer[who].epoch &&
            as_sequence <= producer[who].sequence ->
        reply = repeated;
        at = producer[who].offset_of[as_sequence]
    :: else ->
        reply = appended;
        at = end;
        end++;
        producer[who].known = true;
        producer[who].epoch = as_epoch;
        producer[who].sequence = as_sequence;
        producer[who].quiet = 0;
        producer[who].offset_of[as_sequence] = at
    fi
}

inline write_control(mark) {
    log[at].nonce = mark;
    log[at].state = state;
    log[at].claim = newest_claim
}

/* Every step below is one atomic block that touches the world once; what follows from an answer is the
   owner's own business, or looks at rows that never change, so nobody can come in between. Before each
   block an owner may sleep for ever, and where `start` is a choice it may die. */
proctype Owner(byte me) {
    byte lives, sequence, expected, known, deciding;      /* an owner's memory */
    byte other, old_epoch, at;                            /* scratch, cleared when used */
    mtype reply;

start:
    true;                                        /* a jump would carry the atomic block on */
    atomic {                                     /* its process knows nothing of any former one (P7) */
        life[me].serving = false;
        life[me].term = 0; life[me].acked_in = 0;
        sequence = 0; expected = 0; known = 0; deciding = 0; other = 0; old_epoch = 0; at = 0;
        reply = refused;
        if
        :: lives == CLAIMS || end + 2 > ROWS -> goto gone
        :: else -> lives++
        fi;
        life[me].identity = next_identity;       /* InitProducerId: by itself it fences nobody */
        life[me].epoch = next_epoch;
        if
        :: next_epoch++
#ifdef SAME_EPOCH_TWICE
        :: may_repeat -> may_repeat = false
#endif
        fi;
#ifdef READ_BEFORE_CLAIM
        known = state
#endif
    }

    atomic {                                     /* the claim row; and which others lie before it */
        if :: end + 2 > ROWS -> goto gone :: else fi;
        other = 1 - life[me].identity;
        produce(life[me].identity, life[me].epoch, 0);
        if
        :: reply == refused -> goto start
        :: reply == repeated
        :: reply == appended ->
            newest_claim = at;
            claimed_epoch[life[me].identity] = life[me].epoch + 1;
            write_control(NONCE(0))
        fi;
        if :: goto start :: true fi;             /* dead, or no answer came */
#ifndef NO_NONCE
        if :: log[at].nonce != NONCE(0) -> goto start :: else fi;
#endif
        old_epoch = claimed_epoch[other];
        life[me].term = at;
        life[me].acked_in = period;
        sequence = 1;
#ifdef READ_TO_CLAIM
        known = log[at].state
#endif
    }
#ifdef FENCE_AFTER_READ
    known = state;
#endif
    atomic {                                     /* the claim of the other id, one epoch on, so that it ends */
#ifdef NO_FENCE_ROW
        old_epoch = 0;
#endif
        if
        :: old_epoch == 0 -> at = life[me].term
        :: old_epoch > 0 ->
            if :: end + 1 > ROWS -> goto gone :: else fi;
            produce(other, old_epoch, 0);        /* claimed_epoch holds epoch + 1 already */
            if
            :: reply == refused -> goto start
            :: reply == repeated
            :: reply == appended ->
                claimed_epoch[other] = 0;
                write_control(NONCE(1))
            fi;
            if :: goto start :: true fi;
#ifndef NO_NONCE
            if :: log[at].nonce != NONCE(1) -> goto start :: else fi
#endif
        fi;
        /* The state is what lies up to the last control row. */
#if !defined(READ_BEFORE_CLAIM) && !defined(READ_TO_CLAIM) && !defined(FENCE_AFTER_READ)
        known = log[at].state;
#endif
#ifndef NO_LOOK_FOR_LATER_CLAIM
        if :: log[at].claim != life[me].term -> goto start :: else fi;
#endif
        expected = at + 1;
        other = 0; old_epoch = 0; at = 0; reply = refused;
        life[me].serving = true;
        AT_MOST_ONE
    }

serve:
    true;
    atomic {                                     /* decide; the lease is looked at as the bytes leave */
        if
        :: goto start                            /* dead between two batches */
        :: decided == DECISIONS || end >= ROWS || !LEASED(me) -> goto start
        :: decided < DECISIONS && end < ROWS && LEASED(me) ->
            decided++; deciding = decided; under_way++
        fi
    }
    atomic {                                     /* the append, and what becomes of its answer */
        under_way--;
        if :: end >= ROWS -> goto start :: else fi;
#ifdef TWO_UNDER_WAY
        if :: known = deciding; goto serve :: true fi;   /* the client dropped it, and sends the one behind */
#endif
        produce(life[me].identity, life[me].epoch, sequence);
        if
        :: reply == appended && COUNTS(life[me].term) ->
            assert(known == state);              /* decided on exactly what was decided before */
            state = deciding
        :: else
        fi;
        if
        :: reply == refused -> goto start
        :: reply != refused ->
#ifndef NO_CONTIGUITY
            if :: at != expected -> goto start :: else fi;
#endif
            /* From here on callers hear the answer: it must be this decision, and it must stand. */
            assert(reply == appended && state == deciding);
            known = deciding;
            expected = at + 1;
            sequence++;
            life[me].acked_in = period
        :: true ->                               /* the acknowledgement got lost, or an error came */
#ifdef GO_ON_AFTER_ERROR
            skip
#else
            goto start
#endif
        fi;
        deciding = 0; at = 0; reply = refused;
        goto serve
    }
gone:
    skip
}

#ifdef NEW_IDENTITY
proctype Rotation() {                            /* epochs ran out, or the transactional id expired */
    atomic { next_identity = 1; next_epoch = 0 }
}
#endif

#ifdef TIME
proctype Time() {                                /* no request takes as long as half the expiry */
    byte at = 0;
    do
    :: atomic { period < LAST_PERIOD && under_way == 0 ->
            period++;
            at = 0;
            do
            :: at < IDENTITIES ->
                if
                :: producer[at].known -> producer[at].quiet++
                :: else
                fi;
                if
                :: producer[at].quiet > 1 ->
                    producer[at].known = false; producer[at].quiet = 0;
                    producer[at].epoch = 0; producer[at].sequence = 0
                :: else
                fi;
                at++
            :: at == IDENTITIES -> break
            od;
            at = 0;
            AT_MOST_ONE
        }
    :: break
    od
}
#endif

#if defined(LOST_BROKER_STATE) || defined(EVENT_TIME)
proctype Forgetting(byte whom) {                 /* at any moment, however lately the producer wrote */
    atomic {
        producer[whom].known = false; producer[whom].quiet = 0;
        producer[whom].epoch = 0; producer[whom].sequence = 0;
        AT_MOST_ONE
    }
}
#endif

init {
    atomic {
        byte next = 0;
        do
        :: next < OWNERS -> run Owner(next); next++
        :: next == OWNERS -> break
        od;
#ifdef NEW_IDENTITY
        run Rotation();
#endif
#ifdef TIME
        run Time();
#endif
#if defined(LOST_BROKER_STATE) || defined(EVENT_TIME)
        run Forgetting(0);
        run Forgetting(1);
#endif
        next = 0
    }
}
