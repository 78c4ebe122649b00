/*
 * version.h - the one place that says which release this is.
 */
#ifndef CORE_VERSION_H
#define CORE_VERSION_H

#define COLDRELAY_VERSION "0.1.0"

#endif
