# SPDX-License-Identifier: GPL-2.0-only
# The sanitizer as a plugin; included by ../plugin/Makefile, whose folder the paths count from.
plugins += nvh-sanitizer
nvh-sanitizer := $(addprefix ../sanitizer/,access.c arguments.c break.c expect.c grave.c judge.c memory.c model.c model_walk.c near.c output.c pending.c plugin.c report.c store.c vcpu.c walk.c watch_model.c watch_sync.c watch_tlbi.c watch_use.c) ../arch/arch.c
headers += $(wildcard ../sanitizer/*.h)
$(foreach api,$(APIS),$(eval $(O)/nvh-sanitizer-$(api).so: CFLAGS += -fomit-frame-pointer -I../sanitizer))
