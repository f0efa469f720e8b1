/* SPDX-License-Identifier: MIT */
/* holdfast: futures, interactions and transactions for blocking C on PostgreSQL. Everything, in
 * order. */
#ifndef HOLDFAST_H
#define HOLDFAST_H

#include <holdfast/base.h>
#include <holdfast/histogram.h>
#include <holdfast/version.h>
#include <holdfast/status.h>
#include <holdfast/blocking.h>
#include <holdfast/value.h>
#include <holdfast/convert.h>
#include <holdfast/result.h>
#include <holdfast/future.h>
#include <holdfast/inbox.h>
#include <holdfast/pool.h>
#include <holdfast/conn.h>
#include <holdfast/copy.h>
#include <holdfast/txn.h>
#include <holdfast/global.h>
#include <holdfast/listen.h>
#include <holdfast/engine.h>
#include <holdfast/scope.h>
#include <holdfast/admin.h>
#include <holdfast/metrics.h>
#include <holdfast/schema.h>
#include <holdfast/finders.h>
#include <holdfast/binding.h>
#include <holdfast/orm_async.h>
#include <holdfast/copy_structs.h>

#endif
