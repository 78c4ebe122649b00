/*
 * verify_received.c - a received test message as lines of the report: the three verdicts in one, and what was found.
 */
#include <string.h>

#include "provision/verify_inside.h"

int
verify_add_passed(struct verify_report *r, struct passed *p, struct err *err)
{
	struct verify_check c = {.group = VERIFY_MESSAGE, .id = "message", .name = "test message"};
	struct verify_line verdicts = {.group = VERIFY_MESSAGE,
	                               .topic = VERIFY_MESSAGE,
	                               .status = VERIFY_NOTE,
	                               .open = true,
	                               .id = "message-verdicts",
	                               .name = (char[]){"test message"},
	                               .text = p->line};
	int rc = CR_OK;

	/* Whatever it is that did not pass is among the findings; should it ever not be, it still did not. */
	if (!p->ok && findings_count(&p->findings, FINDING_FAIL) + findings_count(&p->findings, FINDING_UNKNOWN) == 0)
		rc = findings_add(&p->findings, FINDING_FAIL, "message-not-passed", NULL, err,
		                  "the test message did not pass");
	if (rc == CR_OK)
		rc = verify_add(r, &verdicts, err);
	if (rc == CR_OK)
		rc = verify_add_findings(r, &c, &p->findings, err);
	verify_count(r);
	return rc;
}
