/* The connector's HTTP server listens on every interface and has no setting for it. Loaded before the C library, this holds
 * it on 127.0.0.1. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int bind(int socket, const struct sockaddr *address, socklen_t length) {
  int (*next)(int, const struct sockaddr *, socklen_t) =
      (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
  struct sockaddr_in local;
  if (address != NULL && address->sa_family == AF_INET && length >= sizeof local) {
    memcpy(&local, address, sizeof local);
    if (local.sin_addr.s_addr == htonl(INADDR_ANY)) {
      local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      return next(socket, (const struct sockaddr *)&local, sizeof local);
    }
  }
  return next(socket, address, length);
}
