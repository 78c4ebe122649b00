/*
 * dkim_keys.c - keys for tests, and signatures with them that are made by the library alone.
 */
#include "tests/lib/dkim_keys.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "dns/coding.h"
#include "tests/lib/rows.h"

static const char key_rsa_768_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				      "MIIB5QIBADANBgkqhkiG9w0BAQEFAASCAc8wggHLAgEAAmEAuRy7+syGqfTs9IP4\n"
				      "QGTJ/LqgJ0grlDFme0ZUWLU+ayKOpPbjtToj3fFgLltfPcyJzEO5Y5L13H/2NEGP\n"
				      "RFawQX8qcnMyt6iQqxM6EbBgctbfsz5hMJsWVb6wNVwTz1uJAgMBAAECYHOruOsn\n"
				      "Ep7xJYBFVsMmN/FszNa/Cjw4AknV0K790lsv5OLAQ9ni0rbFNczB2+nJ/OAyDeha\n"
				      "G7j8z8yU/b0vtEwh/iazD/3Q2MMhtPyl1MGHUSy30zMhRvQovDLyRkaXgQIxAO5U\n"
				      "n0uxaWPoQThrum8cWsHyJLyNPRUNfuhN8Mr1PDstQrxut4uU8MUfgjZGWZsnbQIx\n"
				      "AMbWDxN65zgtOzOEJqKiS4W2d1QSU4xL0BK4iHLsCtEEXS0qYYMW4xFmHcUu3+fn\n"
				      "DQIwFrImTU4CzEnU1CumIGih1/BYQUBt/bBAUp0BfkJmTvhbb5hXkEpJt2vtuX9v\n"
				      "jw/tAjEAi4aCJcVEoyL6O/grtEv2eunDandBsV0xsTFUbnA8VtedGqh2rKpOxFLH\n"
				      "6SovbGexAjEA4+/l72nW8u6hpoYBB4ycnV+1J/AJ37ZQt7qjJ/KF9pxdWOWmlIbr\n"
				      "8bK/YferEpoy\n"
				      "-----END PRIVATE KEY-----\n";
static const char key_rsa_1024_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				       "MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAMHoBvq6+FIEyPm7\n"
				       "5AQysXjD8tytsuSIVcZqIWfVb3dMiei93lkQKjQM5Wg39wM2XWVvwgg2+aqQorRk\n"
				       "P4BWXJO7yrJnWaA8QUVMdRZJHs9TztK8YWRm6mTXwXsjqPfgy6jRswAeibUQx7o4\n"
				       "4SCODD+aK76iUR2rX5dn1P2GZvEFAgMBAAECgYBPu1zDVIYvE5CgP8Yug7m98rS2\n"
				       "USYyGm1KvPEnhPfkkjBS51+6N49i/7qE9B45z+zvfNjID/LxU6/ThTUnTFucG7X8\n"
				       "JtBamtrI0mxiZbapqOFYmaJ7PmPyNTlZeMEdenmr9vOqIyabusHTBLEYDeD/7ReL\n"
				       "vIb4C0MXh9Wmqs3DsQJBAPNlvDQSH/Dwfv1n4icaQPim/wjNRjFOc+1fTeohdOTm\n"
				       "TUcD1VJfrY6PaW546DVMU3EMdafVEvyJILE4elgPHWMCQQDL8kgeabmQ/iEw8d/e\n"
				       "cf/dHzmf8RfuaBENO561RJLyjmR3MbjGAFEjUkpE1tQTqEUYv+ZBjh+2mQfXlVhG\n"
				       "lRh3AkEA1BbbZ3g/swCtd3zVOQOMh99krjPJLV/Sbo40Y4chx+/SeMYjVXMf1fCr\n"
				       "i2L53K+UqhaUU1m9AKcxAJxZJ3CMRwJBAL7Ln7qMECVcCbMfZN9W6RZ1wtQlmczY\n"
				       "oLMvho9wYsT2f3ifFIxv+XhA4Og7zlXBgzrfNEs56eNKkPKXbelCTIsCQQDVEJzl\n"
				       "Q9m6a3fLqzozL+yu9UIhFlRJfBCpIHRrnaU62kg6dFR0dOdAwdE7HAkm+oNNfJMi\n"
				       "DkCeqlfiXKBoY15u\n"
				       "-----END PRIVATE KEY-----\n";
static const char key_rsa_2048_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				       "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDHIi0si/u3hTR8\n"
				       "rGpVNlBVu7mU+MRV26nIy7njr8liDR5isI+tUkXkkne/ek4rTsGiKia//K2VtmG0\n"
				       "huUx66hEvxDMWUYC5MQJM+Jh7dZJ4VCdt2OWSFbg59Qi3XoG3wfXxkUaRuv0zcCv\n"
				       "APFz/zeTnqFDhYFBdOuIFtH5RHNsPMIKUxnMRZdfAmfU4UsPSxnaZJfXQ53QXiYk\n"
				       "+XOzDmNZYh7mqqXAEv4UCe5+oQqL3ei4aQJL5VAS8h/QFmhPQ1MHjHxkzV8znq17\n"
				       "/oxVDpr2zUdAJT5+YaBE7FbSsmM90RRtmYXnpsImQdp4lg9nBwYAkcqfXTxeeZk1\n"
				       "D4DIK+OVAgMBAAECggEAGcKkEWUydPU4awBq6QcTsWONiGX+EBVQi3c/XuL4rESC\n"
				       "L8YjcAp6nC0ObKjHv/Z6Oh410RRA6GMllJL2x1Ry+iG1bJoH4ovxiDc8C+sWk4wg\n"
				       "P6bfrStCgem7mZ8JECZ9/z3Y5qNSFuMfEASRN65GZERbHD8DD5KufXZmR1bBj7i5\n"
				       "+wDHcQOz2LxETHJTyQcYU7d5y3LyjiWw34BBff96Yj8YzrAdpGOyoIlsy6cbZs2i\n"
				       "4275bzax2dVXHbIIMCHzMKJdjSAPdNyQsBe8gUFqnD2GCuIsB6tZX6Ox1YttU1jy\n"
				       "L+4wmGJWwXz9wku80qPgBgmIqLg8BwfBN0gUa59owQKBgQDm3xGz6nWrbuNiZQq4\n"
				       "qNgDDR+lcxkozmsULV7xWzzYk45RJXxJMpIENCid+PEDEn2FNwzjnwc90Zt2xRLv\n"
				       "uWhR0bm8JlYSeekR6Bn7ZoNdxepEcJ+jRFXyuVR3fKNGq5/B2nWt0IedjcfmjZ//\n"
				       "LLpluX9IuD6Dy8+zoMGkk/nyWQKBgQDczsXiPBAm/NxB3giwnY9+G3t+xhk+zaSX\n"
				       "NyltE9lCu+Dge4WOmiVFW2Efko3Q0osnvucs7Ah+lPHmAdwZZzqgBcPUINNRplKz\n"
				       "K8PQ20gG+DxC37NLkzPOjLVcAeU75BNSbXG7v9PcT+Sv/7DSIj4NOgqDxG2hWCaZ\n"
				       "F53jVs37nQKBgBkPmdJX3xIO5Wvm3/UPjvM113uUNOTzEziLfETizIYN7mLsmMMx\n"
				       "VBxUtRwAy9izhyCQyztiJd0WBbQszFNtYt+OzoSX/Lvgs+YXtcpOZHAnbbikKRAF\n"
				       "+PZyG7MkumyPcLYQSrnlavM1Ur+6G+YNKuaj7icsqMyRsSgkiSCeV4FxAoGBAJMu\n"
				       "MLDQIGQcgCRXf6taGt+QKg0itokqQd+ZoT9Xz6Wv3gFD1I5tKRLGCkMlSOo8rQzd\n"
				       "LvK+khrt5R/PdYppSKaJsTKgfrsaBl3veiKpR6V9qY1Z1wU1JX80Q18E1GvLZyW2\n"
				       "Ve0zvGBJ0MGPyakHshzW51NVh03YmEHLgC6dGcfxAoGAC9WvuMI2ZV5ZSuZb7wrq\n"
				       "qGlpyzw51sExrbVVbQMDTe+YQFMcEwM6OSYjKMlxYPSTObYJY6b4ivGAD7WXDAdO\n"
				       "+BGlAH3aP2VdqtAT1xMQ3TEQgOQR6WnBk3iPSzGq3EeH1Ej1Ft03Qjw3XG8gT5Qs\n"
				       "TLbznJ7dMQ8U/YX+06H359c=\n"
				       "-----END PRIVATE KEY-----\n";
static const char key_rsa_4096_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				       "MIIJQQIBADANBgkqhkiG9w0BAQEFAASCCSswggknAgEAAoICAQDlpG7ezlM4hchh\n"
				       "RR4uOMgEEceBxkLo52t6CQ6OZ8tKRQzCaQQFqRg1iV4qHkIFuHJidlY2wyc/t+DU\n"
				       "eaLetO8n3/cs86TtXz1nLoU6kmV8n7d4T5PwlaTYnmLTwFDntIlkqGXPrqE8F7Fi\n"
				       "7++oQB1NJd2+RtWugqYO/sL2ddMyhkt8eYMJRzoAGRDceuO9cX2S9laSLlHS76PW\n"
				       "seg4pC7vsaDOj6V17mO8zAE2TwRWe8O7JvPm2nSnNKyUUph9aEpPU6LYU/WfyXTi\n"
				       "Tm8m9upIf4sxhmY/UoHQZKwsTdZMEGFkINfRCPkR15PpcCLs/yRz2Ema+blRrXyP\n"
				       "oB536QwAK5S+6dvp0xP/R+lMftOAfdheFqzYhdMYILX0m0Q2GjH7WO/wgGsEcg56\n"
				       "JHZkz1LF+Uh1AhoJ+UQcy9gR5n4S3Vdp5zBc64AEhadf4kcUJW8TcdX2JRlR9Voh\n"
				       "fZJCrVmgibe+7RRwVDjLuC/VilOkWGe6DxHDoNNHVA//PvtbOGBXFYsfm+6+Yad5\n"
				       "L8unLs0+Ru8TxCP0JcncM1iJQNJwoCiso8zqhMccihZNUKyTI0EHBh9Pf46uJzcm\n"
				       "gQkVGxcanQ5as6z+TEeBv3mznm7yyjUdg1186PTV00527Svkefg+hbtleOiV3zID\n"
				       "c9s8jmuUtVjyYuNBOhlehE3pGMXPewIDAQABAoICAB+cOgC5xkiBAzCp1XoyVGIE\n"
				       "WoHkGyC5KO5e9x3QxBx16HLjBsE1YgDjPE7a5GaqLuCb08lCUBGcIOV5KttcwjuA\n"
				       "ak30lHlyQzRZTyXdXKfsylH+zj6Z3VujYwzX1lXWtZThU0ZlDjUEjo/aYZMM5EZS\n"
				       "1d+pG3p5PxzQTQuk82HrN30rsscLrWcHDERKjDUZvVnbRoEPwYaiIwYyGLpMlgNm\n"
				       "NYb0If1bnRIHbjaeENr2EAl1LAdVKc/nAccsSWj1z/N0b/WMNRgoyx89rFzg3yYE\n"
				       "nHyVjgHdvG3FoHzmvVQHazM1DCVuMUQXTc5zzPLyOf/SQBYw6tAHQUlPQUfAkLyQ\n"
				       "fFVkn/Ekoo5ogagg/nDdDooaTHtV2KjbLPbVgH/C00tfg7MQLeJy6fKcNydrb/Nc\n"
				       "uOIn6mkCHNmxsJJ7l5hrIUMpya+kLxC3lkDbztOMUi09YDx8S1GVQVqA3To5E7xr\n"
				       "3v9ufoJ2UxgRA/Z2XhkXjgjG/N6BctzVfzNPf1cn4MNIbGb9Ulcye2wY4xA5v1oR\n"
				       "ys14Yf4BFGsrKeERiCCCeS6c6/nmikWsWEL/XpTV0fsswbnIB1PisTSSMBA087pj\n"
				       "RH13gGlJ9+lj8Dpeu1zBvcObzpkMYnXxZRrVeSLHDU2KhscN3HAHngpjtheI5evV\n"
				       "5RM3NaPEdid23WMGSRXpAoIBAQD5RkW1eu8kEA2zMupY+vJqe2N3ZxTEKipJp/Dg\n"
				       "3YyufbjsmHVcb/i4ZGaDDVceyyyr5BG88Q4ylCXQJ4pt/SslD9A96iEUYl7VdZup\n"
				       "JMpl7+tjfQ75ZO49kcrnoMkRQaccKVks5CNz9K3wC14GIaS9rPr4A5W5VGUhhk+J\n"
				       "6bYHD4f9Arc+SraHobe/aLa5p8cFwWFRvYrZtSG6JaCx6SkCwh/r4A0FaZmalkd7\n"
				       "pRnInMpHenjcBVFVsI1wHGcgmaZGhN31GUE5vOL7/AztJMOQYmGqOlJMCWH/wpg5\n"
				       "JIgACd8KXuawKKTQn3DInJpOb2Wsb+ye4Wl88xHRdIXKOSdJAoIBAQDr1o/q21wl\n"
				       "CsWi4WoSBakhDa/puUgiRtJT6/c8+LlNkyzFjyV7LWczp1GR1nNOusdrrt+NIPlD\n"
				       "mIj2L6p14sZa/z4yznLguHSDzF6pkN2q2HWZ8oUq3krtiVZM7PSuEAiJOg9OyJhf\n"
				       "+T6uwfzGAGGVZBEYpSYdczsy2CMjMGXLnfQ0L7czwCg8Uv4k8wJ7mZ74R6GuCqVQ\n"
				       "YePJ/lnfeYgqor2232yI7as7uXWBD+MPH82sHu19ZgjmebPFxsxhSRB1RglKPJi5\n"
				       "WDweFogxP2pbeoHMsU9L32zZew3r6PiXRXr9TGrAFKNS+GRVzf2wG01+eN7mJ4dq\n"
				       "6cp94bXgV2yjAoIBAHwYYcexBbBcVZWqeUQG2fvspV3h8VKe8yJr+tzXLpwHdrJC\n"
				       "S9rS221gfjAryf1IhFqmVbZMAxdm7VQs+xs6d+ohbzgDgKhXOILn47BW4nPQ9sw2\n"
				       "i+fYOUppdCvPvYlbt8erRfu1L3kgjB7+abZ/tTXAEci6cCUtQJNp+9ragIYPU1G/\n"
				       "sl3OcAQhnAosJRtTzR6uYLaCt8ceB0ZWSSOIwaPf5GhWx+Sz54Yv3jJNxQI8G+9t\n"
				       "pxFRjGYuWJtBaI2wMDjXGHBWPER0JkPv/LdqH/mXIKvQEPxNh3398C4yY4oxX9oX\n"
				       "2JxF/5bkaQ9V9vOpPWKU7aVC7nMHxw0RBzHfNhECggEAEeGVzd/N770OWRgwO6eU\n"
				       "OD5abSUwM/Ect2I3v7a4DgqvpVcCJ4G8xmzUQXN6EKkWv7JlnsS2QYrKL6hTi1aj\n"
				       "ZXje1WlTyngR1YBkWQTz2aVJ3V9G+4YZNkNoeLKqppvumcD+MiIBc51pRETPDpAu\n"
				       "1e3dYfn7ltYK0gMTPvLHdRXH00Ee6dyS8Gf2fwSx1n9CT17XAmQqPpr9c25GkCwd\n"
				       "x+XI7pmoGAW1KvUX1K5Ir/fgV0GNDinzWM43dDJrgqDQj6O8xpUrmzn2bO2Wa+17\n"
				       "+e2i88sp0P3iueabmpxyZL3O4m+t1Fx8Oak9qkfRCU44pPMzK04p9VA+mybG7HiU\n"
				       "cwKCAQAkYjDjWKNENjparyg356Ndrjb/CnyU8LC5DdvH8PN7svWubE1cZEZsOhij\n"
				       "JhLISNk6WjV5IpjL/rQmiZSRzqZ/M6jztWlWsM7xvQlWwu5KcwsO46jqyWdHoqA8\n"
				       "teG72vx7qvk6whUPZLfAlXfGw+4V3Wj9GyfbciXtvAfIrYBsrUykjJt0leIcMdYJ\n"
				       "Rbo0fL0Y2vL2LZfDGnJFXam+GLRu2OpBUsdWS1PYiYct17F1AuqtmUVZ10pFPb3p\n"
				       "CRLv6CYkFjx6xN+bq3RmXfrhq3HR0Ngvpi6R3gUMo757VJLfvpcfiV3MkbEgOA8F\n"
				       "4e7KiN49LNnINIbCYX7+I5kSQtl0\n"
				       "-----END PRIVATE KEY-----\n";
static const char key_rsa_other_pem[] = "-----BEGIN PRIVATE KEY-----\n"
					"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCl/qZDyQREQpDT\n"
					"0DJW4GueMcjJ7UK/OPQwLYEnkPqfBGF0LDhTFxuyHdchKmamkzyewroIdCVycVkH\n"
					"igUcYmC3lxqlYtciCtFSI0pZwLR68M0xyPmKjET7iAeV+pJd1YVGw2wmL09W3BFW\n"
					"s4nShcfuTviNhuhouuOoorPq3fD4aPbCSuWk2+kYf8Dp4YB/kc50GRWInepsPKxg\n"
					"aTBuoBqv6tIt0isqgoGmok/h1OsnNPGmSqObJAN4Z4wa0lox7jrh1YWQ7DkXG7YP\n"
					"z7f04KaQBvEHX4BTvI/goesl02jaWy00uyhwf6Ayt1+tf2tP+UpgzZtc4lf7QLbr\n"
					"/vsn5oLhAgMBAAECggEABC9zuOJx9QhmY0/U4BnGHuHPl69Puzdz+T3Be5pZRl6H\n"
					"eETX6fjrf+oGk0mQ12b/nJtpckZ+7ff3jCQN0U+V85UX1PcVOHCUQu1cvd748f9d\n"
					"tiFUkOqs39h4A/8ilwL36n8JjFwtpIGVnpV17njk79BeDh/6Xs8lB7rL/WpZjcLZ\n"
					"3LHi+CpNynauY4P1m6R4BEmEXQ1J/RVzx6DekUcxbvPwKJONVPKA6P5k9GYgvqJJ\n"
					"1s5o1r7xmFGxPZIZhn85A+YM/nZKwUUzgE91VWwmHK536eQ7B4r7M+LI7jgHdvsx\n"
					"7a6dVTtp9GMSelKFXJTMEbG+v44PcnW+XapVnFV6cQKBgQDVNn/b/2nL73JlvCrQ\n"
					"McneCpkoHKfODD7jqblnLFCyPuTDO9Sb1nTQgIlKzxBKV+BZONbVY1reOYMntCGc\n"
					"eKU6T9zSMsP4RjfwwZXGVbgVG+Vq9iEM9/AwpDv0Dw0V0BpMtGkB9Cbwsgi+PoRJ\n"
					"RpX7z7cR0f6bdb4t6UjrWkADcQKBgQDHTmLHQP6CeiEkMHU+aQQhhYuP4GGo3HEv\n"
					"Dnw+eVDWWJ+292FQs3GNUsjTh7PYYHppEIwijJnP7gHO/t5Z137RDFmkCcRpH/wK\n"
					"tYl28QI9JNY56l/vkukP/Aof3yxj1APywLQ2y7S/m1MfDauelCKh6CKLAa1ZO3nK\n"
					"KPSqcrnecQKBgGlH3QDb8PjThrB3pshhHWX348Kry6xx3Yf7YeJxPnOVnM5Ot+Av\n"
					"mETwg1qePlQHam+EIokB43fB/GJZjxM9e5D8qHRevufUfID0himGYDyEJteXK6DE\n"
					"uSS7pCMSX4q61JG1r/hX//ZwYuLV6epo4VyTJ7mz8L4A+OSgwfH9AYjxAoGAO7Zl\n"
					"a9MyLX9PvJr0FY27Ghv7s1CDkebx1ipd2Q3ZxU5qE5RMSLRqee/qkU2f+Vz2b9Hw\n"
					"Wk2Lq7tgOVcs4PfqW9F6beYrPV/C0KaRF9yfUhheQp3QvmNihlJ56hCgKQyVXj6T\n"
					"/7LKZXmwzqX23Bz/v0hgSQtol0p1c7cPjp2uyFECgYEAwOd8ac0gUVJRG+mjB2kP\n"
					"sh6TBVYiXoAEJDZGi1CkJeq6oiWvSeaWl5ip+0AE0y53+7EaEi+fxANbkIJOHLwK\n"
					"REQBsDkQeJce75lakFwpo+k+brmfTmw0QTUpRBp4ck8MwSAjDLChDSLro3639263\n"
					"lNdQKlQGQqljmVX4XqeN8Uw=\n"
					"-----END PRIVATE KEY-----\n";
static const char key_ed25519_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				      "MC4CAQAwBQYDK2VwBCIEIEoycdlEq9cahjEBCtXgc+rlUDX6ifHGTAx1xKmyJeAx\n"
				      "-----END PRIVATE KEY-----\n";
static const char key_ed25519_other_pem[] = "-----BEGIN PRIVATE KEY-----\n"
					    "MC4CAQAwBQYDK2VwBCIEIP77MxCAZ1S/apWEYknyxsAgxURyLySl2SG/+QWrZiSt\n"
					    "-----END PRIVATE KEY-----\n";

static struct test_key kept[] = {
	{.letter = 'R', .pem = key_rsa_2048_pem     },
        {.letter = 'O', .pem = key_rsa_other_pem    },
	{.letter = 'K', .pem = key_rsa_1024_pem     },
        {.letter = 'W', .pem = key_rsa_768_pem      },
	{.letter = 'L', .pem = key_rsa_4096_pem     },
        {.letter = 'E', .pem = key_ed25519_pem      },
	{.letter = 'F', .pem = key_ed25519_other_pem},
};

struct test_key *
test_key(char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		if (kept[i].letter == letter)
			return &kept[i];
	}
	(void)fprintf(stderr, "no test key %c\n", letter);
	abort();
}

void
test_keys_open(void)
{
	struct secret *pem = NULL;
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		struct test_key *k = &kept[i];

		if (secret_make(k->pem, strlen(k->pem), &pem, &err) != CR_OK ||
		    dkim_public_of(pem, &k->public, &err) != CR_OK) {
			(void)fprintf(stderr, "test key: %s\n", err.text);
			exit(1);
		}
		coding_encode(CODING_BASE64, k->public.data, k->public.len, &k->p);
		secret_drop(&pem);
	}
}

void
test_keys_close(void)
{
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		buf_release(&kept[i].p);
}

void
test_key_fill(const char *pattern, struct buf *out)
{
	static const uint8_t spki_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
	const struct test_key *rsa = test_key('R');
	uint8_t spki[sizeof(spki_head) + 32];

	memcpy(spki, spki_head, sizeof(spki_head));
	memcpy(spki + sizeof(spki_head), test_key('E')->public.data, 32);
	for (const char *c = pattern; *c != '\0'; c++) {
		if (*c != '%') {
			buf_addc(out, *c);
			continue;
		}
		c++;
		if (*c == '1')
			buf_add(out, rsa->p.data, 237);
		else if (*c == '2')
			buf_adds(out, rsa->p.data + 237);
		else if (*c == 'S')
			coding_encode(CODING_BASE64, spki, sizeof(spki), out);
		else if (*c == 'P')
			coding_encode(CODING_BASE64, rsa->public.data + 24, rsa->public.len - 24, out);
		else
			buf_adds(out, test_key(*c)->p.data);
	}
}

/* The text as a JSON string. */
static void
add_json(const struct buf *text, struct buf *out)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] == '"' || text->data[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, text->data[i]);
	}
	buf_addc(out, '"');
}

void
test_key_txt(const char *records, struct buf *out)
{
	struct buf pattern = {0}, text = {0};

	buf_adds(out, "[[");
	for (const char *c = records;; c++) {
		if (*c != '|' && *c != '\0') {
			buf_addc(&pattern, *c);
			continue;
		}
		test_key_fill(buf_str(&pattern), &text);
		add_json(&text, out);
		buf_clear(&pattern);
		buf_clear(&text);
		if (*c == '\0')
			break;
		buf_adds(out, c[1] == '|' ? "],[" : ",");
		c += c[1] == '|';
	}
	buf_adds(out, "]]");
	buf_release(&pattern);
	buf_release(&text);
}

void
test_key_sign(char letter, const void *data, size_t len, struct buf *out)
{
	const struct test_key *k = test_key(letter);
	bool rsa = k->public.algorithm == DKIM_RSA;
	uint8_t signature[1024], hash[32];
	size_t n = sizeof(signature);
	BIO *pem = BIO_new_mem_buf(k->pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(EVP_Digest(data, len, hash, NULL, EVP_sha256(), NULL), 1);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, rsa ? EVP_sha256() : NULL, NULL, key), 1);
	assert_int_equal(rsa ? EVP_DigestSign(ctx, signature, &n, data, len)
	                     : EVP_DigestSign(ctx, signature, &n, hash, sizeof(hash)),
	                 1);
	coding_encode(CODING_BASE64, signature, n, out);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	BIO_free(pem);
}

void
test_key_sign_block(char letter, const uint8_t *block, size_t len, struct buf *out)
{
	uint8_t signature[1024];
	size_t n = sizeof(signature);
	BIO *pem = BIO_new_mem_buf(test_key(letter)->pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
	assert_int_equal(EVP_PKEY_sign(ctx, signature, &n, block, len), 1);
	coding_encode(CODING_BASE64, signature, n, out);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	BIO_free(pem);
}
