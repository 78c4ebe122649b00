/*
 * blocklist_codes.c - codes of the block lists, as their operators publish them (read in November 2026).
 *
 * spamhaus.org (DNSBL usage; DQS zones; 127.255.255.x since 2019), surbl.org/lists, uribl.com/about, spamcop.net, barracudacentral.org,
 * mailspike.org, and RFC 5782 s2.3 for what they have in common.
 */
#include "dns/blocklist_codes.h"

#include <string.h>

#include "core/own.h"
#include "dns/name.h"

#define LISTED BLOCKLIST_CODE_LISTED

static const struct blocklist_code zen[] = {
	{0, 0, 2,  2,  LISTED, "SBL"   },
        {0, 0, 3,  3,  LISTED, "CSS"   },
        {0, 0, 4,  7,  LISTED, "XBL"   },
	{0, 0, 9,  9,  LISTED, "DROP"  },
        {0, 0, 10, 11, LISTED, "PBL"   },
        {0, 0, 20, 20, LISTED, "AuthBL"},
};
static const struct blocklist_code dbl[] = {
	{0, 1, 2,   2,   LISTED,                 "spam"					  },
	{0, 1, 4,   4,   LISTED,                 "phish"					 },
	{0, 1, 5,   5,   LISTED,                 "malware"				       },
	{0, 1, 6,   6,   LISTED,                 "botnet-cc"                                     },
	{0, 1, 102, 102, LISTED,                 "abused-spam"                                   },
	{0, 1, 103, 103, LISTED,                 "abused-redirector"                             },
	{0, 1, 104, 104, LISTED,                 "abused-phish"                                  },
	{0, 1, 105, 105, LISTED,                 "abused-malware"                                },
	{0, 1, 106, 106, LISTED,                 "abused-botnet-cc"                              },
	{0, 1, 255, 255, BLOCKLIST_CODE_REFUSED, "it was asked for an address, and lists domains"},
};
static const struct blocklist_code zrd[] = {
	{0, 2, 2,   24,  BLOCKLIST_CODE_MILD,    "fresh"                                         },
	{0, 2, 255, 255, BLOCKLIST_CODE_REFUSED, "it was asked for an address, and lists domains"},
};
static const struct blocklist_code barracuda[] = {
	{0, 0, 2, 2, LISTED, "BRBL"}
};
static const struct blocklist_code spamcop[] = {
	{0, 0, 2, 2, LISTED, "SCBL"}
};
static const struct blocklist_code surbl[] = {
	{0, 0, 1,   1,   BLOCKLIST_CODE_REFUSED, "it does not answer this resolver"},
	{0, 0, 8,   8,   LISTED,                 "PH"                              },
	{0, 0, 16,  16,  LISTED,                 "MW"                              },
	{0, 0, 64,  64,  LISTED,                 "ABUSE"                           },
	{0, 0, 128, 128, LISTED,                 "CR"                              },
};
static const struct blocklist_code uribl[] = {
	{0, 0, 1, 1, BLOCKLIST_CODE_REFUSED, "it does not answer this resolver"},
	{0, 0, 2, 2, LISTED,                 "black"                           },
	{0, 0, 4, 4, BLOCKLIST_CODE_MILD,    "grey"                            },
	{0, 0, 8, 8, BLOCKLIST_CODE_MILD,    "red"                             },
};
static const struct blocklist_code mailspike[] = {
	{0, 0, 2,  2,  LISTED,                 "listed"         },
	{0, 0, 10, 10, LISTED,                 "worst"          },
	{0, 0, 11, 11, LISTED,                 "very-bad"       },
	{0, 0, 12, 12, LISTED,                 "bad"            },
	{0, 0, 13, 20, BLOCKLIST_CODE_NEUTRAL, "neutral to good"},
};
static const struct blocklist_code senderscore[] = {
	{0, 0, 2, 254, LISTED, "RPBL"}
};
static const struct blocklist_code ivm_ip[] = {
	{0, 0, 2, 2, LISTED, "ivmSIP"}
};
static const struct blocklist_code ivm_net[] = {
	{0, 0, 2, 2, LISTED, "ivmSIP/24"}
};
static const struct blocklist_code ivm_uri[] = {
	{0, 0, 2, 2, LISTED, "ivmURI"}
};

#define CODES(list) .codes = (list), .n_codes = ARRAY_LEN(list)
#define SPAMHAUS    .page = "https://check.spamhaus.org/results/?query=%s"

static const struct blocklist_row rows[] = {
	{.zone = "zen.spamhaus.org",                 CODES(zen),                              .ipv6 = true, SPAMHAUS},
	{.zone = "sbl.spamhaus.org",                                  CODES(zen),									 .ipv6 = true, SPAMHAUS},
	{.zone = "xbl.spamhaus.org",CODES(zen),.ipv6 = true, SPAMHAUS},
	{.zone = "sbl-xbl.spamhaus.org",					  CODES(zen),							.ipv6 = true, SPAMHAUS},
	{.zone = "pbl.spamhaus.org",                              CODES(zen),													    .ipv6 = true, SPAMHAUS},
	{.zone = "zen.dq.spamhaus.net",             CODES(zen), .ipv6 = true, SPAMHAUS},
	{.zone = "sbl.dq.spamhaus.net",                                  CODES(zen),									 .ipv6 = true, SPAMHAUS},
	{.zone = "xbl.dq.spamhaus.net",   CODES(zen),.ipv6 = true, SPAMHAUS},
	{.zone = "pbl.dq.spamhaus.net",					  CODES(zen),						     .ipv6 = true, SPAMHAUS},
	{.zone = "authbl.dq.spamhaus.net",                              CODES(zen),							     .ipv6 = true, SPAMHAUS},
	{.zone = "dbl.spamhaus.org",              CODES(dbl),          .tests = {"dbltest.com"}, SPAMHAUS},
	{.zone = "dbl.dq.spamhaus.net",                                  CODES(dbl),									 .tests = {"dbltest.com"}, SPAMHAUS},
	{.zone = "zrd.dq.spamhaus.net",                              CODES(zrd),																       .tests = {"zrdtest.com"}, SPAMHAUS},
	{.zone = "b.barracudacentral.org",
         CODES(barracuda),
         .page = "https://www.barracudacentral.org/lookups?ip_address=%s"},
	{.zone = "bl.spamcop.net",                              CODES(spamcop),         .page = "https://www.spamcop.net/w3m?action=checkblock&ip=%s"},
	{.zone = "multi.surbl.org",
         CODES(surbl),
         .bits = true,
         .registrable = true,
         .tests = {"surbl-org-permanent-test-point.com", "2.0.0.127"},
         .page = "https://surbl.org/surbl-analysis"},
	{.zone = "multi.uribl.com",
         CODES(uribl),
         .bits = true,
         .registrable = true,
         .tests = {"2.0.0.127"},
         .page = "https://admin.uribl.com/?section=lookup&query=%s"},
	{.zone = "rep.mailspike.net",                   CODES(mailspike),                         .page = "https://mailspike.org/iplookup.html"},
	{.zone = "bl.mailspike.net",					  CODES(mailspike),                                                     .page = "https://mailspike.org/iplookup.html"},
	{.zone = "bl.score.senderscore.com",
         CODES(senderscore),
         .page = "https://senderscore.org/assess/get-your-score/"},
	{.zone = "sip.invaluement.com",              CODES(ivm_ip),              .page = "https://www.invaluement.com/lookup/"},
	{.zone = "sip24.invaluement.com",                                  CODES(ivm_net),									 .page = "https://www.invaluement.com/lookup/"},
	{.zone = "uri.invaluement.com",                           CODES(ivm_uri),                    .page = "https://www.invaluement.com/lookup/"},
 /* Answers from these zones say nothing, whatever they are. */
	{.zone = "sorbs.net",                   .closed = "June 2024"              },
	{.zone = "ix.dnsbl.manitu.net",					  .closed = "January 2025"                                                        },
	{.zone = "bl.spamcannibal.org",                               .closed = "2018"								},
	{.zone = "ahbl.org", .closed = "2015"                                       },
	{.zone = "njabl.org",			       .closed = "2013"								       },
	{.zone = "dsbl.org",                     .closed = "2008"                         },
	{.zone = "ordb.org",                .closed = "December 2006"                    },
	{.zone = "opm.blitzed.org",					  .closed = "May 2006"                                                       },
};

const struct blocklist_row *
blocklist_row_find(const char *zone)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (name_is_under(zone, rows[i].zone))
			return &rows[i];
	}
	return NULL;
}

const struct blocklist_code *
blocklist_code_find(const struct blocklist_row *row, const uint8_t octets[4], unsigned bit)
{
	for (size_t i = 0; i < row->n_codes; i++) {
		const struct blocklist_code *code = &row->codes[i];

		/* Of a list of bits only the last octet counts. */
		if (row->bits ? code->from == bit
		              : code->b == octets[1] && code->c == octets[2] && code->from <= octets[3] &&
		                        octets[3] <= code->to)
			return code;
	}
	return NULL;
}
