/*
 * bounce_hands.c - who writes how: the hands by which a report that is written for people is recognised, and where they put things.
 *
 * Data.  A row is how a line of theirs begins, behind blanks, dashes, stars and quoting; or what a subject, a sender or a mailer holds.
 * Collected from the sources and the mails of the programs named; where several write the same, no name stands.
 */
#include "budget/bounce_inside.h"

#include <string.h>

struct start {
	struct slice line;
	const char *agent;
};

/* Below it stands what was returned. */
static const struct start returned[] = {
	{SLICE_INIT("below this line is a copy of"),							 "qmail"    },
	{SLICE_INIT("enclosed is a copy of the message"),                                                    "qmail"    },
	{SLICE_INIT("this is a copy of"),								    "exim"     },
	{SLICE_INIT("this is a copy of your message"),						       "exim"     },
	{SLICE_INIT("the body of the message is"),							   "exim"     },
	{SLICE_INIT("original message ---"),								 "google"   },
	{SLICE_INIT("original message follows"),							     NULL       },
	{SLICE_INIT("original message headers"),							     "exchange" },
	{SLICE_INIT("original message:"),								    NULL       },
	{SLICE_INIT("original message\n"),								   NULL       },
	{SLICE_INIT("original mail as follows"),							     "fml"      },
	{SLICE_INIT("original mail info"),								   "m-filter" },
	{SLICE_INIT("the header of the original message"),                                                   "gmx"      },
	{SLICE_INIT("included is a copy of the message header"),                                             "mxlogic"  },
	{SLICE_INIT("message headers follow"),							       "dragonfly"},
	{SLICE_INIT("message header follows"),							       NULL       },
	{SLICE_INIT("message text follows"),								 NULL       },
	{SLICE_INIT("unsent message follows"),							       "sendmail" },
	{SLICE_INIT("unsent message below"),								 "sendmail" },
	{SLICE_INIT("returned message"),								     NULL       },
	{SLICE_INIT("bounced e-mail:"),								      NULL       },
	{SLICE_INIT("bounced email:"),								       NULL       },
	{SLICE_INIT("begin original message"),							       NULL       },
	{SLICE_INIT("begin message"),									NULL       },
	{SLICE_INIT("copy of the original message"),							 NULL       },
	{SLICE_INIT("a copy of the original message"),						       "opensmtpd"},
	{SLICE_INIT("below is a copy of the original message"),                                              "opensmtpd"},
	{SLICE_INIT("the original message is included"),                                                     NULL       },
	{SLICE_INIT("received: "),									   NULL       },
	{SLICE_INIT("received:from "),								       NULL       },
	{SLICE_INIT("return-path: "),									NULL       },
	{SLICE_INIT("dkim-signature: "),								     NULL       },
	{SLICE_INIT("x-received: "),									 NULL       },
	{SLICE_INIT("mensaje original"),								     NULL       },
	{SLICE_INIT("message d'origine"),								    NULL       },
	{SLICE_INIT("message original"),								     NULL       },
	{SLICE_INIT("urspr\xc3\xbcngliche nachricht"),						       NULL       },
	{SLICE_INIT("urspr\xc3\xbcngliche nachrichtenkopfzeilen"),                                           "exchange" },
	{SLICE_INIT("urspr\xc3\xbcngliche nachrichtenkopf"),                                                 "exchange" },
	{SLICE_INIT("en-t\xc3\xaates de message d'origine"),                                                 "exchange" },
	{SLICE_INIT("en-t\xc3\xaates du message d"),							 "exchange" },
	{SLICE_INIT("encabezados de mensajes originales"),                                                   "exchange" },
	{SLICE_INIT("encabezados del mensaje original"),                                                     "exchange" },
	{SLICE_INIT("intestazioni originali"),							       "exchange" },
	{SLICE_INIT("intestazioni del messaggio originale"),                                                 "exchange" },
	{SLICE_INIT("cabe\xc3\xa7"
                    "alhos de mensagem originais"),
         "exchange"												     },
	{SLICE_INIT("oorspronkelijke berichtkoppen"),							"exchange" },
	{SLICE_INIT("oprindelige meddelelseshoveder"),						       "exchange" },
	{SLICE_INIT("ursprungliga meddelandehuvuden"),						       "exchange" },
	{SLICE_INIT("\xe5\x85\x83\xe3\x81\xae\xe3\x83\xa1\xe3\x83\x83\xe3\x82\xbb\xe3\x83\xbc\xe3\x82\xb8"),
         "exchange"												     }, /* 元のメッセージ */
	{SLICE_INIT("\xe5\x8e\x9f\xe5\xa7\x8b\xe9\x82\xae\xe4\xbb\xb6"),                                     "exchange" }, /* 原始邮件 */
};

/* Who writes: a host name follows. */
static const struct start reporters[] = {
	{SLICE_INIT("this is the mail system at host "),                                           "postfix"  },
	{SLICE_INIT("this is the postfix program at host "),                                       "postfix"  },
	{SLICE_INIT("this is the email security gateway at host "),                                "barracuda"},
	{SLICE_INIT("hi. this is the qmail-send program at "),                                     "qmail"    },
	{SLICE_INIT("hi. this is the "),							   "qmail"    },
	{SLICE_INIT("generating server: "),							"exchange" },
	{SLICE_INIT("generierender server: "),						     "exchange" },
	{SLICE_INIT("serveur de g\xc3\xa9n\xc3\xa9ration : "),                                     "exchange" },
	{SLICE_INIT("serveur de g\xc3\xa9n\xc3\xa9ration: "),                                      "exchange" },
	{SLICE_INIT("generando servidor: "),						       "exchange" },
	{SLICE_INIT("servidor de generaci\xc3\xb3n: "),                                            "exchange" },
	{SLICE_INIT("server di generazione: "),						    "exchange" },
	{SLICE_INIT("bronserver: "),							       "exchange" },
	{SLICE_INIT("servidor de gera\xc3\xa7\xc3\xa3o: "),                                        "exchange" },
	{SLICE_INIT("\xe7\x94\x9f\xe6\x88\x90\xe3\x82\xb5\xe3\x83\xbc\xe3\x83\x90\xe3\x83\xbc: "),
         "exchange"											   }, /* 生成サーバー */
	{SLICE_INIT("\xe7\x94\x9f\xe6\x88\x90\xe6\x9c\x8d\xe5\x8a\xa1\xe5\x99\xa8: "),             "exchange" }, /* 生成服务器 */
	{SLICE_INIT("this is a delivery status notification from "),                               "courier"  },
	{SLICE_INIT("hello, this is the mail server on "),                                         "powermta" },
	{SLICE_INIT("reporting-mta: "),							    NULL       },
	{SLICE_INIT("reporting-mta:\t"),							   NULL       },
	{SLICE_INIT("this message was created automatically by the smtp relay on "),
         "exim"											       }, /* Only a report says that. */
	{SLICE_INIT("this is the dragonfly mail agent"),                                           "dragonfly"},
};

/* It is tried again. */
static const struct start delays[] = {
	{SLICE_INIT("this is a warning"),                                     NULL       },
	{SLICE_INIT("a message is delayed for more than"),                    "opensmtpd"},
	{SLICE_INIT("please note that this is only a temporary failure"),     "opensmtpd"},
	{SLICE_INIT("delivery to the following recipient has been delayed"),  "google"   },
	{SLICE_INIT("delivery to the following recipients has been delayed"), "exchange" },
	{SLICE_INIT("the address to which the message has not yet been"),     "exim"     },
	{SLICE_INIT("the addresses to which the message has not yet been"),   "exim"     },
	{SLICE_INIT("your message has been delayed"),                         NULL       },
	{SLICE_INIT("warning: message still undelivered"),                    "sendmail" },
	{SLICE_INIT("message will be retried for"),                           NULL       },
};

/* Only a report says that. */
static const struct start marks[] = {
	{SLICE_INIT("this message was created automatically by mail delivery"),                                          NULL             },
	{SLICE_INIT("this is an automatically generated delivery status notification"),                                  NULL             },
	{SLICE_INIT("this is the mailer-daemon, please do not reply"),                                                   "opensmtpd"      },
	{SLICE_INIT("unable to deliver message to: "),								   "mailfoundry"    },
	{SLICE_INIT("this is an automatically generated message from sendgrid"),                                         "sendgrid"       },
	{SLICE_INIT("this is the mail delivery agent at "),							      "messagelabs"    },
	{SLICE_INIT("the following addresses had "),								     NULL             },
	{SLICE_INIT("the following address had "),								       NULL             },
	{SLICE_INIT("transcript of session follows"),								    "sendmail"       },
	{SLICE_INIT("diagnostic information for administrators"),                                                        "exchange"       },
	{SLICE_INIT("diagnoseinformationen f\xc3\xbcr administratoren"),                                                 "exchange"       },
	{SLICE_INIT("informations de diagnostic pour les administrateurs"),                                              "exchange"       },
	{SLICE_INIT("informaci\xc3\xb3n de diagn\xc3\xb3stico para"),                                                    "exchange"       },
	{SLICE_INIT("informazioni di diagnostica per"),								  "exchange"       },
	{SLICE_INIT("diagnostische gegevens voor beheerders"),                                                           "exchange"       },
	{SLICE_INIT("informa\xc3\xa7\xc3\xb5"
                    "es de diagn\xc3\xb3stico para"),
         "exchange"														       },
	{SLICE_INIT("\xe7\xae\xa1\xe7\x90\x86\xe8\x80\x85\xe5\x90\x91\xe3\x81\x91\xe3\x81\xae\xe8\xa8\xba\xe6\x96\xad"),
         "exchange"														       }, /* 管理者向けの診断 */
	{SLICE_INIT("delivery has failed to these recipients"),                                                          "exchange"       },
	{SLICE_INIT("fehler bei der nachrichtenzustellung an folgende"),                                                 "exchange"       },
	{SLICE_INIT("\xc3\xa9"
                    "chec de la remise \xc3\xa0 ces destinataires"),
         "exchange"														       },
	{SLICE_INIT("no se pudo entregar el mensaje a"),								 "exchange"       },
	{SLICE_INIT("did not reach the following recipient"),                                                            "exchange"       },
	{SLICE_INIT("delivery to the following recipient failed permanently"),                                           "google"         },
	{SLICE_INIT("delivery to the following recipient"),							      NULL             },
	{SLICE_INIT("address not found"),										NULL             },
	{SLICE_INIT("delivery incomplete"),									      NULL             },
	{SLICE_INIT("message blocked"),										  NULL             },
	{SLICE_INIT("message from interscan"),									   "trendmicro"     },
	{SLICE_INIT("sorry, we were unable to deliver your message to the following address"),                           "yahoo"          },
	{SLICE_INIT("unable to deliver message to "),								    NULL             },
	{SLICE_INIT("was not delivered to:"),									    "domino"         },
	{SLICE_INIT("failure reasons"),										  "notes"          },
	{SLICE_INIT("we had trouble delivering your message"),                                                           NULL             },
	{SLICE_INIT("message could not be delivered to mobile"),                                                         "mmsc"           },
	{SLICE_INIT("your message could not be delivered"),							      NULL             },
	{SLICE_INIT("could not be delivered because of"),								"mailmarshal"    },
	{SLICE_INIT("each of the following recipients was rejected"),                                                    "ezweb"          },
	{SLICE_INIT("the following recipients did not receive"),                                                         "ezweb"          },
	{SLICE_INIT("failed addresses follow"),									  NULL             },
	{SLICE_INIT("message log follows"),									      NULL             },
	{SLICE_INIT("an error occurred while trying to deliver"),                                                        "workmail"       },
	{SLICE_INIT("you are not a member of this mailing list"),                                                        "fml"            },
	{SLICE_INIT("duplicated message-id in "),									"fml"            },
	{SLICE_INIT("i'm sorry to have to inform you"),								  "postfix"        },
	{SLICE_INIT("this report relates to a message you sent"),                                                        "messagingserver"},
	{SLICE_INIT("there was an error delivering your mail"),                                                          "dragonfly"      },
	{SLICE_INIT("could not be delivered to: <"),								     "kddi"           },
	{SLICE_INIT("your delivery to the following address has been failed"),                                           NULL             },
	{SLICE_INIT("automatic bounce notification"),								    NULL             },
	{SLICE_INIT("delivery failed "),										 NULL             },
	{SLICE_INIT("user mailbox exceeds allowed size: "),							      "imail"          },
	{SLICE_INIT("undeliverable to "),										"imail"          },
	{SLICE_INIT("invalid final delivery userid: "),								  "imail"          },
	{SLICE_INIT("esta mensagem foi criada automaticamente"),                                                         "exim"           },
	{SLICE_INIT("ce message a \xc3\xa9t\xc3\xa9 g\xc3\xa9n\xc3\xa9r\xc3\xa9 automatiquement"),                       NULL             },
	{SLICE_INIT("diese nachricht wurde automatisch"),								NULL             },
	{SLICE_INIT("ihre nachricht konnte nicht zugestellt"),                                                           NULL             },
	{SLICE_INIT("\xe3\x81\x93\xe3\x81\xae\xe3\x83\xa1\xe3\x83\xbc\xe3\x83\xab\xe3\x81\xaf\xe9\x80\x81\xe4\xbf\xa1"),
         NULL															     }, /* このメールは送信 */
	{SLICE_INIT("\xe4\xbb\xa5\xe4\xb8\x8b\xe3\x81\xae\xe3\x83\xa1\xe3\x83\xbc\xe3\x83\xab\xe3\x82\xa2\xe3\x83\x89"
                    "\xe3\x83\xac\xe3\x82\xb9"),
         NULL															     }, /* 以下のメールアドレス */
};

/* An address follows. */
static const struct start recipients[] = {
	{SLICE_INIT("recipient:"),                            NULL       },
	{SLICE_INIT("recipients:"),                           NULL       },
	{SLICE_INIT("recipient address:"),                    NULL       },
	{SLICE_INIT("recipient email:"),                      NULL       },
	{SLICE_INIT("failed recipient:"),                     NULL       },
	{SLICE_INIT("final-recipient: rfc822;"),              NULL       },
	{SLICE_INIT("rcpt to:"),                              NULL       },
	{SLICE_INIT("delivery failed:"),                      NULL       },
	{SLICE_INIT("target mail address:"),                  NULL       },
	{SLICE_INIT("addressed to:"),                         NULL       },
	{SLICE_INIT("your message to:"),                      "barracuda"},
	{SLICE_INIT("empf\xc3\xa4nger:"),                     NULL       },
	{SLICE_INIT("destinataire:"),                         NULL       },
	{SLICE_INIT("destinataire :"),                        NULL       },
	{SLICE_INIT("destinatario:"),                         NULL       },
	{SLICE_INIT("\xe5\xae\x9b\xe5\x85\x88:"),             NULL       }, /* 宛先 */
	{SLICE_INIT("\xe6\x94\xb6\xe4\xbb\xb6\xe4\xba\xba:"), NULL       }, /* 收件人 */
};

/* The reason follows. */
static const struct start reasons[] = {
	{SLICE_INIT("reject reason:"),                                NULL      },
	{SLICE_INIT("reason:"),				       NULL      },
	{SLICE_INIT("the reason for the problem:"),                   NULL      },
	{SLICE_INIT("for the following reason:"),                     NULL      },
	{SLICE_INIT("delivery failed for the following reason:"),     NULL      },
	{SLICE_INIT("because:"),				      "domino"  },
	{SLICE_INIT("error:"),					NULL      },
	{SLICE_INIT("error message:"),                                NULL      },
	{SLICE_INIT("error message below:"),                          "james"   },
	{SLICE_INIT("server message"),                                "m-filter"},
	{SLICE_INIT("diagnostic code:"),                              NULL      },
	{SLICE_INIT("the error that the other server returned was:"), "google"  },
	{SLICE_INIT("technical details of permanent failure:"),       "google"  },
	{SLICE_INIT("technical details of temporary failure:"),       "google"  },
	{SLICE_INIT("the response was:"),                             "google"  },
	{SLICE_INIT("the response from the remote server was:"),      "google"  },
	{SLICE_INIT("non-delivered information"),                     "biglobe" },
	{SLICE_INIT("grund:"),					NULL      },
	{SLICE_INIT("raison:"),				       NULL      },
	{SLICE_INIT("motivo:"),				       NULL      },
};

/* Longer meanings first: a delay of many hands begins as their failures do. */
static const struct {
	enum hand_what what;
	const struct start *start;
	size_t n;
} starts[] = {
	{HAND_RETURNED,  returned,   ARRAY_LEN(returned)  },
	{HAND_REPORTER,  reporters,  ARRAY_LEN(reporters) },
	{HAND_DELAY,     delays,     ARRAY_LEN(delays)    },
	{HAND_MARK,      marks,      ARRAY_LEN(marks)     },
	{HAND_RECIPIENT, recipients, ARRAY_LEN(recipients)},
	{HAND_REASON,    reasons,    ARRAY_LEN(reasons)   },
};

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

bool
hand_of_line(struct slice line, struct hand *out)
{
	if (line.len < 5)
		return false;
	char first = lower(line.at[0]), second = lower(line.at[1]);
	for (size_t k = 0; k < ARRAY_LEN(starts); k++)
		for (size_t i = 0; i < starts[k].n; i++) {
			const struct start *s = &starts[k].start[i];
			if (s->line.at[0] != first || s->line.at[1] != second || !slice_starts(line, s->line))
				continue;
			*out = (struct hand){.what = starts[k].what, .len = s->line.len, .agent = s->agent};
			return true;
		}
	return false;
}

struct clue {
	struct slice says;
	const char *agent;
	int report, vacation;
};

static const struct clue subjects[] = {
	{SLICE_INIT("undeliver"),											       NULL,        2, 0},
	{SLICE_INIT("delivery status"),											 NULL,        2, 0},
	{SLICE_INIT("delivery notification"),										   NULL,        2, 0},
	{SLICE_INIT("delivery report"),											 NULL,        2, 0},
	{SLICE_INIT("delivery failure"),											NULL,        3, 0},
	{SLICE_INIT("delivery failed"),											 NULL,        3, 0},
	{SLICE_INIT("delivery problem"),											NULL,        2, 0},
	{SLICE_INIT("delivery delay"),											  NULL,        2, 0},
	{SLICE_INIT("delivery has failed"),										     NULL,        3, 0},
	{SLICE_INIT("failed delivery"),											 NULL,        2, 0},
	{SLICE_INIT("failure delivery"),											NULL,        2, 0},
	{SLICE_INIT("failure notice"),											  NULL,        3, 0},
	{SLICE_INIT("mail failure"),											    NULL,        2, 0},
	{SLICE_INIT("mail failed"),											     NULL,        2, 0},
	{SLICE_INIT("returned mail"),											   NULL,        3, 0},
	{SLICE_INIT("returned to sender"),										      NULL,        3, 0},
	{SLICE_INIT("returning message to sender"),									     NULL,        3, 0},
	{SLICE_INIT("mail system error"),										       NULL,        2, 0},
	{SLICE_INIT("mailsystem error"),											NULL,        2, 0},
	{SLICE_INIT("nondeliverable"),											  NULL,        2, 0},
	{SLICE_INIT("could not send message"),										  NULL,        2, 0},
	{SLICE_INIT("cannot send message"),										     NULL,        2, 0},
	{SLICE_INIT("returned e-mail"),											 NULL,        2, 0},
	{SLICE_INIT("returned email"),											  NULL,        2, 0},
	{SLICE_INIT("mail returned"),											   NULL,        2, 0},
	{SLICE_INIT("message delivery has failed"),									     NULL,        3, 0},
	{SLICE_INIT("ignored not member article"),									      "fml",       2, 0},
	{SLICE_INIT("loop back warning"),										       "fml",       2, 0},
	{SLICE_INIT("could not be delivered"),										  NULL,        2, 0},
	{SLICE_INIT("not delivered"),											   NULL,        2, 0},
	{SLICE_INIT("non-delivery"),											    NULL,        2, 0},
	{SLICE_INIT("delayed mail"),											    NULL,        2, 0},
	{SLICE_INIT("error sending your mail"),										 NULL,        2, 0},
	{SLICE_INIT("bounce notification"),										     NULL,        3, 0},
	{SLICE_INIT("message you sent blocked"),										"barracuda", 3, 0},
	{SLICE_INIT("unsolicited bulk email"),										  "amavis",    2, 0},
	{SLICE_INIT("are not member"),											  "fml",       2, 0},
	{SLICE_INIT("loop alert"),											      "fml",       2, 0},
	{SLICE_INIT("user unknown"),											    NULL,        2, 0},
	{SLICE_INIT("smtp server: errors from"),										"postfix",   3, 0},
	{SLICE_INIT("aws notification message"),										"ses",       1, 0},
	{SLICE_INIT("unzustellbar"),											    NULL,        2, 0},
	{SLICE_INIT("nicht zugestellt"),											NULL,        2, 0},
	{SLICE_INIT("nicht zustellbar"),											NULL,        2, 0},
	{SLICE_INIT("zustellung fehlgeschlagen"),									       NULL,        2, 0},
	{SLICE_INIT("non remis"),											       NULL,        2, 0},
	{SLICE_INIT("non distribu"),											    NULL,        2, 0},
	{SLICE_INIT("chec de la remise"),										       NULL,        2, 0},
	{SLICE_INIT("no se puede entregar"),										    NULL,        2, 0},
	{SLICE_INIT("no entregado"),											    NULL,        2, 0},
	{SLICE_INIT("non recapitabile"),											NULL,        2, 0},
	{SLICE_INIT("mancato recapito"),											NULL,        2, 0},
	{SLICE_INIT("mensagem n\xc3\xa3o entregue"),									    NULL,        2, 0},
	{SLICE_INIT("n\xc3\xa3o entregue"),										     NULL,        2, 0},
	{SLICE_INIT("onbestelbaar"),											    NULL,        2, 0},
	{SLICE_INIT("kan ikke leveres"),											NULL,        2, 0},
	{SLICE_INIT("kan inte levereras"),										      NULL,        2, 0},
	{SLICE_INIT("ikke leveret"),											    NULL,        2, 0},
	{SLICE_INIT("nie dostarczono"),											 NULL,        2, 0},
	{SLICE_INIT("niedostarczalne"),											 NULL,        2, 0},
	{SLICE_INIT("nedoru\xc4\x8diteln"),										     NULL,        2, 0},
	{SLICE_INIT(
		 "\xd0\xbd\xd0\xb5 \xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xbb\xd0\xb5\xd0\xbd\xd0\xbe"),
         NULL,															       2, 0}, /* не доставлено */
	{SLICE_INIT("\xe9\x85\x8d\xe4\xbf\xa1\xe4\xb8\x8d\xe8\x83\xbd"),                                                        NULL,        2, 0}, /* 配信不能 */
	{SLICE_INIT("\xe9\x80\x80\xe4\xbf\xa1"),										NULL,        2, 0}, /* 退信 */
	{SLICE_INIT("\xe6\x9c\xaa\xe4\xbc\xa0\xe9\x80\x92"),								    NULL,        2, 0}, /* 未传递 */
	{SLICE_INIT("\xe6\x97\xa0\xe6\xb3\x95\xe9\x80\x81\xe8\xbe\xbe"),                                                        NULL,        2, 0}, /* 无法送达 */
	{SLICE_INIT("out of office"),											   NULL,        0, 3},
	{SLICE_INIT("out of the office"),										       NULL,        0, 3},
	{SLICE_INIT("auto reply"),											      NULL,        0, 3},
	{SLICE_INIT("automatic response"),										      NULL,        0, 3},
	{SLICE_INIT("ooo:"),												    NULL,        0, 2},
	{SLICE_INIT("auto-reply"),											      NULL,        0, 3},
	{SLICE_INIT("autoreply"),											       NULL,        0, 3},
	{SLICE_INIT("automatic reply"),											 NULL,        0, 3},
	{SLICE_INIT("autorespon"),											      NULL,        0, 3},
	{SLICE_INIT("auto response"),											   NULL,        0, 3},
	{SLICE_INIT("auto:"),												   NULL,        0, 2},
	{SLICE_INIT("vacation"),												NULL,        0, 2},
	{SLICE_INIT("away until"),											      NULL,        0, 2},
	{SLICE_INIT("away from"),											       NULL,        0, 2},
	{SLICE_INIT("abwesenheit"),											     NULL,        0, 3},
	{SLICE_INIT("automatische antwort"),										    NULL,        0, 3},
	{SLICE_INIT("ponse automatique"),										       NULL,        0, 3},
	{SLICE_INIT("absence du bureau"),										       NULL,        0, 3},
	{SLICE_INIT("respuesta autom"),											 NULL,        0, 3},
	{SLICE_INIT("fuera de la oficina"),										     NULL,        0, 3},
	{SLICE_INIT("risposta automatica"),										     NULL,        0, 3},
	{SLICE_INIT("resposta autom"),											  NULL,        0, 3},
	{SLICE_INIT("automatisch antwoord"),										    NULL,        0, 3},
	{SLICE_INIT("automatisk svar"),											 NULL,        0, 3},
	{SLICE_INIT("autosvar"),												NULL,        0, 3},
	{SLICE_INIT("odpowied\xc5\xba automatyczna"),									   NULL,        0, 3},
	{SLICE_INIT("\xd0\xb0\xd0\xb2\xd1\x82\xd0\xbe\xd0\xbe\xd1\x82\xd0\xb2\xd0\xb5\xd1\x82"),                                NULL,        0,
         3																       }, /* автоответ */
	{SLICE_INIT("\xe8\x87\xaa\xe5\x8b\x95\xe5\xbf\x9c\xe7\xad\x94"),                                                        NULL,        0, 3}, /* 自動応答 */
	{SLICE_INIT("\xe8\x87\xaa\xe5\x8b\x95\xe8\xbf\x94\xe4\xbf\xa1"),                                                        NULL,        0, 3}, /* 自動返信 */
	{SLICE_INIT("\xe8\x87\xaa\xe5\x8a\xa8\xe5\x9b\x9e\xe5\xa4\x8d"),                                                        NULL,        0, 3}, /* 自动回复 */
};

static const struct clue senders[] = {
	{SLICE_INIT("@googlemail.com"),      "google",   1, 0},
	{SLICE_INIT("amazonses.com"),        "ses",      1, 0},
	{SLICE_INIT("mailer-daemon"),        NULL,       3, 0},
	{SLICE_INIT("mailer_daemon"),        NULL,       3, 0},
	{SLICE_INIT("mail delivery sub"),    NULL,       3, 0},
	{SLICE_INIT("mail delivery sys"),    NULL,       3, 0},
	{SLICE_INIT("mail.delivery.system"), NULL,       3, 0},
	{SLICE_INIT("postmaster"),           NULL,       2, 0},
	{SLICE_INIT("post_master"),          NULL,       2, 0},
	{SLICE_INIT("microsoft outlook"),    "exchange", 2, 0},
	{SLICE_INIT("system administrator"), "exchange", 1, 0},
	{SLICE_INIT("ndr administrator"),    "mmsc",     2, 0},
	{SLICE_INIT("mail administrator"),   NULL,       1, 0},
	{SLICE_INIT("@sns.amazonaws.com"),   "ses",      1, 0},
	{SLICE_INIT("@corp.mail.ru"),        "mailru",   1, 0},
	{SLICE_INIT("bounce"),               NULL,       1, 0},
	{SLICE_INIT("staff@hotmail.com"),    "hotmail",  0, 0},
};

static const struct clue mailers[] = {
	{SLICE_INIT("internet mail service"), "exchange2003", 2, 0},
	{SLICE_INIT("smtp32"),                "imail",        2, 0},
	{SLICE_INIT("m-filter"),              "m-filter",     1, 0},
	{SLICE_INIT("amazon workmail"),       "workmail",     1, 0},
	{SLICE_INIT("zoho"),                  "zoho",         0, 0},
	{SLICE_INIT("surfcontrol"),           "surfcontrol",  1, 0},
	{SLICE_INIT("mailmarshal"),           "mailmarshal",  1, 0},
};

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* One pass: a row can begin where a word does, and within what is not ASCII. */
static void
clues(struct slice s, const struct clue *table, size_t n, struct hand_guess *g)
{
	for (size_t at = 0; at < s.len; at++) {
		if (at > 0 && is_alnum(s.at[at - 1]) && is_alnum(s.at[at]))
			continue;
		char first = (char)(s.at[at] >= 'A' && s.at[at] <= 'Z' ? s.at[at] | 0x20 : s.at[at]);
		struct slice rest = {s.at + at, s.len - at};
		for (size_t i = 0; i < n; i++) {
			if (table[i].says.at[0] != first || !slice_starts(rest, table[i].says))
				continue;
			g->report = table[i].report > g->report ? table[i].report : g->report;
			g->vacation = table[i].vacation > g->vacation ? table[i].vacation : g->vacation;
			if (g->agent == NULL)
				g->agent = table[i].agent;
		}
	}
}

void
hand_of_subject(struct slice subject, struct hand_guess *g)
{
	clues(subject, subjects, ARRAY_LEN(subjects), g);
}

void
hand_of_from(struct slice from, struct hand_guess *g)
{
	clues(from, senders, ARRAY_LEN(senders), g);
}

void
hand_of_mailer(struct slice mailer, struct hand_guess *g)
{
	clues(mailer, mailers, ARRAY_LEN(mailers), g);
}

static const struct {
	struct slice name;
	const char *agent;
} fields[] = {
	{SLICE_INIT("x-postfix-"),                   "postfix"  },
	{SLICE_INIT("x-outbound-mail-relay-"),       "postfix"  },
	{SLICE_INIT("x-symantec-messaging-gateway"), "symantec" },
	{SLICE_INIT("x-email-security-gateway-"),    "barracuda"},
	{SLICE_INIT("x-powermta-"),                  "powermta" },
	{SLICE_INIT("x-sendgrid-"),                  "sendgrid" },
	{SLICE_INIT("x-display-name"),               "m365"     },
	{SLICE_INIT("x-ms-exchange-"),               "exchange" },
	{SLICE_INIT("x-exim-"),                      "exim"     },
	{SLICE_INIT("x-mlserver"),                   "fml"      },
	{SLICE_INIT("x-mxl-notehash"),               "mxlogic"  },
	{SLICE_INIT("x-amz-"),                       "ses"      },
	{SLICE_INIT("x-ses-"),                       "ses"      },
	{SLICE_INIT("x-gm-message-state"),           "google"   },
	{SLICE_INIT("display_date_format"),          "mimecast" },
};

const char *
hand_of_field(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (slice_starts(name, fields[i].name))
			return fields[i].agent;
	return NULL;
}

/* The last words before an address in running text, and how surely it is the recipient's. */
static const struct {
	struct slice ends;
	int worth;
} before[] = {
	{SLICE_INIT("unknown user:"),           9},
	{SLICE_INIT("unknown host:"),           9},
	{SLICE_INIT("allowed size:"),           9},
	{SLICE_INIT("attempts:"),               9},
	{SLICE_INIT("delivered to:"),           9},
	{SLICE_INIT("delivered to"),            9},
	{SLICE_INIT("undeliverable to"),        9},
	{SLICE_INIT("message to"),              8},
	{SLICE_INIT("message to:"),             8},
	{SLICE_INIT("your mail to"),            8},
	{SLICE_INIT("delivering your mail to"), 8},
	{SLICE_INIT("e-mail to"),               8},
	{SLICE_INIT("email to"),                8},
	{SLICE_INIT("mail to"),                 8},
	{SLICE_INIT("recipient:"),              8},
	{SLICE_INIT("recipient"),               8},
	{SLICE_INIT("recipients:"),             8},
	{SLICE_INIT("rcpt to:"),                8},
	{SLICE_INIT("address:"),                7},
	{SLICE_INIT("adresse:"),                7},
	{SLICE_INIT("address"),                 6},
	{SLICE_INIT("mailbox"),                 6},
	{SLICE_INIT("inbox"),                   6},
	{SLICE_INIT("user"),                    6},
	{SLICE_INIT("mailing list"),            6},
	{SLICE_INIT("message-id in"),           6},
	{SLICE_INIT("delivery to"),             8},
	{SLICE_INIT("account"),                 5},
	{SLICE_INIT(" an"),                     4},
	{SLICE_INIT(" to"),                     4},
	{SLICE_INIT(" to:"),                    4},
	{SLICE_INIT(" for"),                    3},
};

int
hand_introduces(struct slice s)
{
	while (s.len > 0 &&
	       (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '<' || s.at[s.len - 1] == '"' || s.at[s.len - 1] == '\'' ||
	        s.at[s.len - 1] == '(' || s.at[s.len - 1] == '\t' || s.at[s.len - 1] == '*'))
		s.len--;
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		size_t n = before[i].ends.len;
		if (s.len >= n && slice_is((struct slice){s.at + s.len - n, n}, before[i].ends))
			return before[i].worth;
	}
	return 0;
}

static const struct {
	struct slice name;
	enum head head;
} heads[] = {
	{SLICE_INIT("from"),                         HEAD_FROM          },
	{SLICE_INIT("to"),			   HEAD_TO            },
	{SLICE_INIT("subject"),                      HEAD_SUBJECT       },
	{SLICE_INIT("sender"),                       HEAD_SENDER        },
	{SLICE_INIT("return-path"),                  HEAD_RETURN_PATH   },
	{SLICE_INIT("message-id"),                   HEAD_MESSAGE_ID    },
	{SLICE_INIT("auto-submitted"),               HEAD_AUTO_SUBMITTED},
	{SLICE_INIT("x-failed-recipients"),          HEAD_FAILED        },
	{SLICE_INIT("x-mailer"),                     HEAD_MAILER        },
	{SLICE_INIT("precedence"),                   HEAD_PRECEDENCE    },
	{SLICE_INIT("x-autoreply"),                  HEAD_AUTOREPLY     },
	{SLICE_INIT("x-autorespond"),                HEAD_AUTOREPLY     },
	{SLICE_INIT("x-autoresponder"),              HEAD_AUTOREPLY     },
	{SLICE_INIT("x-apple-action"),               HEAD_AUTOREPLY     },
	{SLICE_INIT("x-auto-reply"),                 HEAD_AUTOREPLY     },
	{SLICE_INIT("x-ms-exchange-message-is-ndr"), HEAD_NDR           },
	{SLICE_INIT("x-hmxmroriginalrecipient"),     HEAD_HOTMAIL       },
	{SLICE_INIT("list-id"),                      HEAD_LIST_ID       },
	{SLICE_INIT("in-reply-to"),                  HEAD_IN_REPLY_TO   },
};

void
heads_read(struct slice header, struct heads *out, bool *cut_out)
{
	struct fields f;
	struct slice name, value;

	memset(out, 0, sizeof(*out));
	fields_begin(&f, header);
	while (fields_next(&f, &name, &value, cut_out)) {
		char first = (char)(name.at[0] | 0x20);
		for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
			if (heads[i].name.len != name.len || heads[i].name.at[0] != first ||
			    !slice_is(name, heads[i].name))
				continue;
			/* The first counts, but a field that is there is not absent: its value may be empty. */
			if (out->of[heads[i].head].at == NULL)
				out->of[heads[i].head] = value;
			break;
		}
		if (first == 'x' && out->agent == NULL)
			out->agent = hand_of_field(name);
	}
}
