/*
 * ask.c - the least that a question to the daemon can cost: connect, one request, one answer, exit.
 *
 *   ask SOCKET STORE MAILBOX RECIPIENT      exits with 0 for an allow
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define ALLOW "verdict=allow\n"

int
main(int argc, char **argv)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char text[2048];
	struct stat st;
	ssize_t got;
	int fd, len;

	if (argc != 5 || strlen(argv[1]) >= sizeof(at.sun_path) || stat(argv[2], &st) != 0)
		return 64;
	memcpy(at.sun_path, argv[1], strlen(argv[1]) + 1);
	len = snprintf(text, sizeof(text), "request=coldrelay_check\nmailbox=%s\nrecipient=%s\nstore=%x:%x:%llx\n\n",
	               argv[3], argv[4], major(st.st_dev), minor(st.st_dev), (unsigned long long)st.st_ino);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (len >= (int)sizeof(text) || fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		return 74;
	got = recv(fd, text, sizeof(text), 0);
	return got < (ssize_t)strlen(ALLOW) || memcmp(text, ALLOW, strlen(ALLOW)) != 0 ||
	       write(1, text, (size_t)got) != got;
}
