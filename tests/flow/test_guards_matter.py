"""Each guard of the pipeline, taken out, makes a named flow test fail: none is there for nothing."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.flow.mutating import ROOT, Mutation, Runner, is_case_of, runner


class Guard(NamedTuple):
    """Where the guard stands, what replaces it, and the test that must notice."""

    file: str
    text: str
    instead: str
    test: str


PIPELINE = "tests/flow/test_pipeline.py::test_"
CRASHES = "tests/flow/test_crashes.py::test_"
WORKERS = "tests/flow/test_two_workers.py::test_"
ASSIGNED = "tests/flow/test_assigned_numbers.py::test_"
HEALING = "tests/flow/test_healing.py::test_"
REMEDIES = "tests/flow/test_remedies.py::test_"
RECOVERY = "tests/flow/test_recovery.py::test_"
OTHERS = "tests/flow/test_other_erps.py::test_"
LOAD = "tests/flow/test_first_load.py::test_"
MAPPINGS = "tests/flow/test_mapping_changes.py::test_"
TABLES = "tests/flow/test_mapping_tables.py::test_"
COPY = "tests/contract/test_mapping_copy.py::test_"
RECENT = "tests/flow/test_recent_states.py::test_"
CATCH_UP = "tests/flow/test_catch_up.py::test_"
REFUSALS = "tests/flow/test_refusals.py::test_"
DOCTOR = "tests/unit/test_doctor.py::test_"
RECONCILE = "tests/flow/test_reconcile.py::test_"
TRACES = "tests/flow/test_traces.py::test_"
PARENTS = "tests/flow/test_parents.py::test_"
RELATED = "tests/flow/test_related.py::test_"
CHECKED = "        await self.queue.send_all(changes, [sent.partition for sent in checks])\n"
LOST_UPDATE = "a_right_lost_for_an_hour_parks_three_accounts_and_in_the_end_all_is_written[operations-update]"

DIES = "a_worker_that_dies_at_any_step_of_a_page_loses_nothing_and_repeats_one_page_at_most"
SENT = "        await self.queue.send_all(changes, [sent.partition for sent in checks])\n"
CHECKPOINT = """        after = run.advanced(checks, unfinished)
        await self._write(after, etag)
"""
ASKED = '            await self.limits.allow("blocks", work.change)\n'
REMEMBERED = "        work.state = replace(work.state, previous_hold=update.previous_hold)\n"

CONSOLE = "tests/flow/test_console.py::test_"
GUARDED = "tests/unit/test_console_guard.py::test_"

GUARDS = {
    "an account that refers to another company's customer is parked": Guard(
        "shared/sync/parents.py",
        "if not customer.same_as(CustomerKey(company, customer.number)):",
        "if False:",
        f"{PARENTS}a_parent_in_another_company_is_named_and_healing_leaves_the_child_alone",
    ),
    "nobody refers to the customer of a deleted account": Guard(
        "shared/model/state.py",
        "if state is None or state.deleted or state.customer is None",
        "if state is None or state.customer is None",
        f"{PARENTS}a_deleted_parent_is_named_although_it_has_a_customer",
    ),
    "a circle of parents is named to people": Guard(
        "shared/sync/parents.py",
        "elif unchecked := await self._circle(account_id, state):",
        "elif False:",
        f"{PARENTS}a_circle_parks_all_its_accounts_and_ends_when_a_person_opens_it[3]",
    ),
    "all accounts of a circle are told of it, also those that were checked before it was known": Guard(
        "shared/resilience/family.py",
        'asked = "circle" if missing.problem.advice else "parent"',
        'asked = "parent"',
        f"{PARENTS}a_circle_that_one_check_found_is_named_in_all_its_accounts[3]",
    ),
    "a child that came first is told why its parent has no customer": Guard(
        "shared/resilience/release_children.py",
        "await self._tell(state, rows)",
        "pass",
        f"{PARENTS}a_child_that_comes_first_is_told_why_its_parent_has_no_customer[filtered]",
    ),
    "a parent that the app does not know is checked": Guard(
        "shared/resilience/family.py",
        "for account_id in missing.unchecked:",
        "for account_id in ():",
        f"{PARENTS}a_child_that_comes_first_has_its_parent_checked_and_follows",
    ),
    "a child that is parked already asks for nothing again": Guard(
        "shared/resilience/family.py",
        "if issue == missing.problem.key:",
        "if False:",
        f"{PARENTS}a_circle_parks_all_its_accounts_and_ends_when_a_person_opens_it[2]",
    ),
    "many children make one check of their parent": Guard(
        "shared/resilience/family.py",
        'operation = uuid5(account_id, f"{asked} {at.isoformat()}")',
        "operation = uuid4()",
        f"{PARENTS}many_children_of_one_parent_are_released_at_a_pace",
    ),
    "a parent is created under the limit of the load that met its child": Guard(
        "shared/resilience/family.py",
        "source = Source.LOAD if of_load else Source.HEAL",
        "source = Source.HEAL",
        f"{PARENTS}the_check_of_a_parent_is_of_the_load_whose_check_found_it_missing",
    ),
    "a parent that gets its customer releases its children": Guard(
        "shared/sync/pipeline.py",
        "await self.family.follow(run.work.state, run.had)",
        "pass",
        f"{PARENTS}a_child_that_comes_first_has_its_parent_checked_and_follows",
    ),
    "children that are too many for the parent's own check are noted": Guard(
        "shared/resilience/release_children.py",
        'await self.control.put_bookmarks({f"{_NOTE}{key}": Bookmark(now)})',
        "pass",
        f"{PARENTS}many_children_of_one_parent_are_released_at_a_pace",
    ),
    "healing releases children at a pace": Guard(
        "shared/resilience/release_children.py",
        "waiting[: run.left], version, run.due",
        "waiting, version, run.due",
        f"{PARENTS}many_children_of_one_parent_are_released_at_a_pace",
    ),
    "a child that is parked while its parent is written is found": Guard(
        "shared/resilience/heal.py",
        "sent += await self.children.run(progress)",
        "pass",
        f"{PARENTS}a_child_that_is_parked_while_its_parent_is_written_is_found_by_healing",
    ),
    "healing compares a few parents in a run": Guard(
        "shared/resilience/release_children.py",
        "in ahead[:_PARENTS]:",
        "in ahead:",
        f"{PARENTS}healing_reads_little_when_many_parents_are_missing",
    ),
    "healing asks once for a parent that Sales does not have": Guard(
        "shared/resilience/release_children.py",
        "await self.issues.mark_healed(some, _ASKED)",
        "pass",
        f"{PARENTS}a_parent_that_sales_does_not_have_is_asked_for_once",
    ),
    "children follow the number of their parent": Guard(
        "shared/sync/pipeline.py",
        "await self.family.moved(run.change.account_id, run.change.organization_id)",
        "pass",
        f"{PARENTS}when_a_parent_gets_another_number_its_children_follow",
    ),
    "children are checked after their parent's new number is stored": Guard(
        "shared/resilience/family.py",
        "now + _UNTIL_STORED)",
        "now)",
        f"{PARENTS}children_are_checked_only_after_the_new_number_is_stored",
    ),
    "children follow a parent that is unlinked": Guard(
        "shared/resilience/unlink.py",
        "await self.moved(account_id, state.organization_id)",
        "pass",
        f"{PARENTS}when_a_parent_is_unlinked_its_children_follow_to_the_new_customer",
    ),
    "catch-up sends no check for a version that is known": Guard(
        "shared/load/missed.py",
        "return known.version is None or account.version > known.version",
        "return True",
        f"{CATCH_UP}the_first_pass_finds_what_the_app_missed_before",
    ),
    "every process is told which mapping rows changed": Guard(
        "shared/resilience/follow_mappings.py",
        "            await self.seen.mappings.tell(changed.keys())\n",
        "",
        f"{MAPPINGS}a_process_with_an_old_copy_does_not_write_the_old_code_back",
    ),
    "a change that is told while a name is read is not missed": Guard(
        "shared/storage/mapping_copy.py",
        "if self._rows is rows and self._read_anew is read_anew:",
        "if True:",
        f"{COPY}a_change_that_is_told_while_a_name_is_read_is_not_missed",
    ),
    "a remembered state is forgotten when another is stored": Guard(
        "shared/sync/record.py",
        "        self.recent.forget(work.state.account_id)\n",
        "",
        f"{RECENT}an_account_that_was_parked_is_read_anew",
    ),
    "checks of the app and deletions trust no memory": Guard(
        "shared/sync/freshness.py",
        "first = change.hop == 0 and change.source in _ASKERS and change.kind is not ChangeKind.DELETE",
        "first = change.hop == 0",
        f"{RECENT}checks_of_the_app_and_deletions_read_the_row",
    ),
    "whoever met a faster worker reads the row": Guard(
        "shared/sync/freshness.py",
        "first = change.hop == 0 and ",
        "first = ",
        f"{RECENT}an_old_memory_loses_nothing_of_what_another_worker_wrote",
    ),
    "the first pass creates nobody": Guard(
        "shared/load/missed.py",
        "return unknown_too",
        "return True",
        f"{CATCH_UP}an_unknown_account_is_left_to_the_first_load_until_it_changes",
    ),
    "a live event comes before the check of catch-up": Guard(
        "shared/load/catch_up.py",
        "max(self.clock.now() + self.rules.margin, run.state.next_due or seen_at)",
        "self.clock.now()",
        f"{CATCH_UP}a_change_without_an_event_is_found_and_written_after_the_margin",
    ),
    "the check of catch-up is covered by a later read": Guard(
        "shared/sync/freshness.py",
        "if change.source in AFTER_COMMIT and _was_read_since(change, state):",
        "if False:",
        f"{CATCH_UP}a_live_event_that_comes_within_the_margin_makes_the_check_cheap",
    ),
    "a read in the second of the change does not cover it": Guard(
        "shared/sync/freshness.py",
        "state.read_at > check.occurred_at",
        "state.read_at >= check.occurred_at",
        f"{CATCH_UP}a_read_in_the_same_second_as_the_change_does_not_cover_its_check",
    ),
    "after a refused link deletions are looked for": Guard(
        "shared/load/passes.py",
        'return replace(state, walk=Walk.DELETIONS, page="", link=page.delta, untracked=False)',
        "state = replace(state, link=page.delta, untracked=False)",
        f"{CATCH_UP}after_an_expired_link_changes_new_accounts_and_deletions_are_found",
    ),
    "passes by modifiedon overlap": Guard(
        "shared/load/catch_up.py",
        "state.since and state.since - self.rules.margin",
        "state.since",
        f"{CATCH_UP}a_pass_by_modifiedon_overlaps_the_last_one_by_the_margin",
    ),
    "the first link leaves no gap behind passes by modifiedon": Guard(
        "shared/load/passes.py",
        "walk = Walk.MODIFIED if state.untracked else Walk.CHANGES",
        "walk = Walk.CHANGES",
        f"{CATCH_UP}when_tracking_is_switched_on_nothing_is_skipped_on_the_way",
    ),
    "catch-up waits for what is paused": Guard(
        "shared/load/catch_up.py",
        "if (wait := await self.breakers.admit()) is not None:",
        "if (wait := None) is not None:",
        f"{CATCH_UP}while_a_system_is_paused_it_does_not_run_and_says_so_to_who_asked",
    ),
    "a request is served by a pass that begins after it": Guard(
        "shared/load/passes.py",
        "answered=state.serves or state.answered,",
        'answered="r1",',
        f"{CATCH_UP}a_request_is_answered_by_a_pass_that_begins_after_it",
    ),
    "the attempts of a check are in the trace that it began": Guard(
        "shared/telemetry/origin.py",
        " and change.hop == 0",
        "",
        f"{TRACES}a_check_of_our_own_begins_a_trace_that_links_to_who_asked",
    ),
    "a change carries its trace over the queue": Guard(
        "shared/telemetry/__init__.py",
        "return change if change.traceparent else replace(change, traceparent=current_traceparent())",
        "return change",
        f"{TRACES}an_event_its_hop_over_the_queue_and_its_steps_are_one_trace",
    ),
    "a page of the operator needs its role": Guard(
        "shared/console/app.py",
        "if not person.may(page.least):",
        "if False:",
        f"{CONSOLE}a_page_needs_its_role",
    ),
    "a form is sent by the page itself": Guard(
        "shared/console/guard.py",
        "if not same_origin(request.headers):",
        "if False:",
        f"{GUARDED}a_form_of_another_site_changes_nothing",
    ),
    "a body is bounded": Guard(
        "shared/console/guard.py",
        "if len(body) > most:",
        "if False:",
        f"{CONSOLE}a_text_that_is_too_long_is_refused",
    ),
    "readers see no values": Guard(
        "shared/console/issues.py",
        'row.value if with_values else ""',
        "row.value",
        f"{CONSOLE}a_reader_sees_states_and_ids_but_no_names_and_no_values",
    ),
    "a plan that differs is shown again": Guard(
        "shared/console/mapping_plan.py",
        'if plan.refused(strict=False) or digest(plan) != form.text("digest"):',
        "if False:",
        f"{CONSOLE}a_plan_is_shown_again_if_the_table_was_changed_meanwhile",
    ),
    "many checks need an administrator": Guard(
        "shared/console/replaying.py",
        "if count > MOST_OF_OPERATOR and not person.administers:",
        "if False:",
        f"{CONSOLE}more_than_a_hundred_need_an_administrator_who_types_the_number",
    ),
    "an action is stored before it is done": Guard(
        "shared/console/desk.py",
        "        await self.operator.actions.add(action)\n",
        "",
        f"{CONSOLE}a_system_is_paused_and_resumed",
    ),
    "the number of a customer that is gone may be a stranger's": Guard(
        "shared/sync/plan.py",
        "if key.id and not facts.asked_number:",
        "if False:",
        f"{OTHERS}the_number_of_a_customer_that_is_gone_is_not_taken_over_from_a_stranger",
    ),
    "a customer of another id is a stranger's": Guard(
        "shared/sync/plan.py",
        "if found.key.id != customer.id:",
        "if False:",
        f"{OTHERS}the_number_of_a_customer_that_is_gone_is_not_taken_over_from_a_stranger",
    ),
    "a rename in the ERP is followed": Guard(
        "shared/sync/plan.py",
        "if not found.key.same_as(customer):",
        "if False:",
        f"{OTHERS}a_customer_that_was_renamed_is_written_by_its_id_and_its_owner_row_moves",
    ),
    "a read comes first where the ERP may insert and refuse": Guard(
        "shared/sync/linking.py",
        "rules.looks_first or not rules.capabilities.refuses_existing_number",
        "rules.looks_first",
        f"{OTHERS}a_stranger_that_was_there_before_is_found_before_anything_is_created",
    ),
    "an incomplete customer of ours is known": Guard(
        "shared/sync/rules.py",
        "if seen in begun or not self.capabilities.refused_create_may_exist:",
        "if True:",
        f"{OTHERS}it_is_known_as_ours_although_the_worker_died_before_it_looked",
    ),
    "an incomplete customer has no value of a stranger": Guard(
        "shared/sync/rules.py",
        "            all(part in allowed",
        "            any(part in allowed",
        f"{OTHERS}a_stranger_that_comes_while_the_outcome_is_unknown_is_not_taken_for_ours",
    ),
    "a refusal may have inserted the customer": Guard(
        "shared/sync/execute.py",
        "if work.in_flight or not (erp.refused_create_may_exist and refused):",
        "if True:",
        f"{OTHERS}a_customer_that_was_inserted_and_refused_is_ours_and_is_completed",
    ),
    "a value that the ERP replaces is not sent for ever": Guard(
        "shared/sync/plan.py",
        "kept = kept_by_erp(differ, state, found, prints)",
        "kept = {}",
        f"{OTHERS}a_value_that_the_erp_replaces_is_sent_once",
    ),
    "another ERP than before is confirmed by a person": Guard(
        "shared/sync/pipeline.py",
        "            await self.in_use.confirm()\n",
        "            pass\n",
        f"{OTHERS}another_erp_than_before_stops_all_work_until_it_is_confirmed",
    ),
    "in another ERP nothing is ours yet": Guard(
        "shared/sync/pipeline.py",
        "            work.link_anew(self.in_use.adopted_at)\n",
        "            pass\n",
        f"{OTHERS}after_another_erp_is_confirmed_a_stranger_of_the_same_number_stays_untouched",
    ),
    "transaction margin": Guard(
        "shared/sync/freshness.py",
        "state.read_at - margins.transaction > change.occurred_at",
        "state.read_at > change.occurred_at",
        f"{PIPELINE}an_event_within_the_transaction_margin_of_the_last_read_is_never_covered",
    ),
    "lease": Guard(
        "shared/sync/freshness.py",
        "replace(self.state, lease=Lease(self.owner, until), intent=intent, begun=begun)",
        "replace(self.state, intent=intent, begun=begun)",
        f"{CRASHES}what_a_dead_worker_sent_is_repaired_when_it_commits_late",
    ),
    "waiting for a lease": Guard(
        "shared/sync/freshness.py",
        "if state.lease is not None and state.lease.until > now:",
        "if False:",
        f"{WORKERS}while_one_worker_writes_the_other_waits_and_sends_nothing",
    ),
    "doubt after a takeover": Guard(
        "shared/sync/freshness.py",
        "            self.outcome_is_unknown(now, longest_request)\n",
        "",
        f"{CRASHES}what_a_dead_worker_sent_is_repaired_when_it_commits_late",
    ),
    "doubt after a lost answer": Guard(
        "shared/sync/pipeline.py",
        "            work.outcome_is_unknown(now, self.limits.longest_request)",
        "            pass",
        f"{PIPELINE}a_change_that_commits_late_is_repaired_by_the_verifying_check",
    ),
    "nothing counts as confirmed while in doubt": Guard(
        "shared/sync/fields.py",
        "if state.unknown_until is not None or state.fingerprint_key",
        "if state.fingerprint_key",
        f"{CRASHES}after_a_lost_answer_a_value_set_back_is_sent_again_at_once",
    ),
    "look after a doubt": Guard(
        "shared/sync/record.py",
        "await self.queue.send(work.verifying_check(), until + _AFTER_UNKNOWN)",
        "pass",
        f"{PIPELINE}a_change_that_commits_late_is_repaired_by_the_verifying_check",
    ),
    "a doubt lasts": Guard(
        "shared/sync/fields.py",
        "return state.unknown_until is not None and now >= state.unknown_until",
        "return state.unknown_until is not None",
        f"{PIPELINE}a_late_block_does_not_outlive_its_release",
    ),
    "a doubt that is over is looked into": Guard(
        "shared/sync/plan.py",
        "state.fingerprint_key != prints.key_id or unknown_is_over(state, facts.now):",
        "state.fingerprint_key != prints.key_id:",
        f"{CRASHES}an_unknown_outcome_that_is_over_ends_with_the_next_check",
    ),
    "a doubt about nothing ends": Guard(
        "shared/sync/plan.py",
        "given_up(replace(facts, state=nothing_unknown(facts)), done)",
        "given_up(facts, done)",
        f"{CRASHES}a_creation_that_never_began_leaves_neither_unknown_outcome_nor_number",
    ),
    "a check that comes early is sent again": Guard(
        "shared/sync/record.py",
        "            await self._check_again(work, until)\n",
        "            pass\n",
        f"{CRASHES}a_verifying_check_that_comes_early_is_sent_again_for_after_the_unknown_outcome",
    ),
    "the end of an unknown outcome confirms what is seen": Guard(
        "shared/sync/fields.py",
        "return replace(confirmed(state, found.fields, names, prints), "
        "confirmed=prints.of_all(found.fields))",
        "return state",
        f"{CRASHES}blocking_that_ends_an_unknown_outcome_keeps_what_was_seen_of_the_other_fields",
    ),
    "blocking needs the key only": Guard(
        "shared/sync/plan.py",
        "may_block = blocked and facts.problem.cause is not Cause.GUARD_TRIPPED",
        "may_block = False",
        f"{PIPELINE}a_deactivated_account_is_blocked_even_if_its_values_cannot_be_mapped",
    ),
    "what is under way keeps its number": Guard(
        "shared/sync/pipeline.py",
        "if facts.problem is not None or work.in_flight:",
        "if facts.problem is not None:",
        f"{OTHERS}a_customer_that_was_inserted_and_could_not_be_read_keeps_its_number",
    ),
    "a doubt about a parked account ends": Guard(
        "shared/sync/plan.py",
        "if may_block else settle(facts, rules) or ends_parked",
        "if may_block else ends_parked",
        f"{CRASHES}an_unknown_outcome_ends_by_itself_though_the_customer_is_not_compared_any_more",
    ),
    "look after a conflict": Guard(
        "shared/sync/record.py",
        "await self.queue.send(work.verifying_check(), self.clock.now() + _AFTER_CONFLICT)",
        "pass",
        f"{WORKERS}neither_worker_undoes_the_other_when_both_are_held",
    ),
    "owner row": Guard(
        "shared/sync/ownership.py",
        "                return OwnerRow(ours=False)\n",
        "                return OwnerRow(ours=True)\n",
        f"{PIPELINE}no_account_takes_over_the_customer_of_another",
    ),
    "creation marked as begun": Guard(
        "shared/sync/execute.py",
        "work.state = replace(work.state, begun=self.rules.begun_with(before, body))",
        "pass",
        f"{CRASHES}a_customer_of_ours_is_known_again_under_another_name",
    ),
    "creation noted before it is sent": Guard(
        "shared/sync/execute.py",
        "await work.claim(self._until(), creation.key, self.rules.begun_with(begun, creation))",
        "await work.claim(self._until(), creation.key, begun)",
        f"{CRASHES}a_customer_of_ours_is_known_again_by_what_was_sent",
    ),
    "every creation that was begun is remembered": Guard(
        "shared/sync/rules.py",
        "(*(other for other in begun if other != new), new)",
        "(new,)",
        f"{CRASHES}of_two_creations_under_way_either_is_known_again",
    ),
    "an unknown outcome is never cut short": Guard(
        "shared/sync/freshness.py",
        "max(until, known) if known else until",
        "until",
        f"{ASSIGNED}a_later_and_shorter_unknown_outcome_does_not_end_an_earlier_one",
    ),
    "after an unknown outcome the customer is looked up first": Guard(
        "shared/sync/linking.py",
        " or facts.before.unknown_until is not None",
        "",
        f"{CRASHES}after_an_unknown_outcome_the_customer_is_looked_up_before_it_is_created",
    ),
    "creation not begun is no claim": Guard(
        "shared/sync/linking.py",
        "return bool(key.by) or rules.is_created(found.fields, facts.state.begun)",
        "return True",
        f"{CRASHES}a_create_that_never_began_gives_no_claim_to_a_stranger",
    ),
    "a definite no is taken back": Guard(
        "shared/sync/execute.py",
        "                work.state = replace(work.state, begun=before)\n",
        "",
        f"{CRASHES}after_a_definite_no_the_same_values_prove_nothing",
    ),
    "what was made and not noted is a doubt": Guard(
        "shared/sync/execute.py",
        "        work.in_flight = True\n        row = await",
        "        row = await",
        f"{CRASHES}a_customer_whose_creation_could_not_be_noted_is_never_disowned",
    ),
    "a creation is counted once": Guard(
        "shared/sync/execute.py",
        "if work.counted or work.state.begun:  # a creation",
        "if False:  # a creation",
        "tests/flow/test_recovery.py::test_attempts_that_create_nothing_use_up_no_allowance",
    ),
    "what came to nothing is not counted": Guard(
        "shared/sync/execute.py",
        'self.limits.give_back("creates", work.change)',
        "pass",
        "tests/flow/test_recovery.py::test_attempts_that_create_nothing_use_up_no_allowance",
    ),
    "the ceiling on blocks is asked before the hold is remembered": Guard(
        "shared/sync/execute.py",
        f"{ASKED}{REMEMBERED}",
        f"    {REMEMBERED}{ASKED}{REMEMBERED}",
        "tests/flow/test_recovery.py::test_a_second_check_of_an_account_does_not_pass_the_ceiling_on_blocks",
    ),
    "no second create while in doubt": Guard(
        "shared/sync/linking.py",
        "if rules.field_map.key.assigned_by_erp and state.unknown_until is not None:",
        "if False:",
        f"{ASSIGNED}a_lost_answer_to_a_create_makes_no_second_customer",
    ),
    "a release is remembered while in doubt": Guard(
        "shared/sync/fields.py",
        "    if state.unknown_until is not None:",
        "    if False:",
        f"{PIPELINE}a_late_block_does_not_outlive_its_release",
    ),
    "one instance at a time checks the set-up": Guard(
        "shared/diagnostics/doctor/diagnose.py",
        "            return None  # another",
        "            pass  # another",
        f"{DOCTOR}of_two_instances_that_read_the_row_together_one_makes_the_check",
    ),
    "a check of the set-up has a lease": Guard(
        "shared/diagnostics/doctor/diagnose.py",
        "if standing.leased_until is not None and now < standing.leased_until:",
        "if False:",
        f"{DOCTOR}one_instance_at_a_time_makes_the_check_until_its_lease_ends",
    ),
    "what the doctor may not read is not fine": Guard(
        "shared/diagnostics/doctor/doctor.py",
        "return Finding(name, Grade.NOT_CHECKED, said(error), _UNKNOWN, error.remedy)",
        "return Finding(name, Grade.FINE, said(error), _UNKNOWN, error.remedy)",
        f"{DOCTOR}a_check_that_fails_is_never_fine",
    ),
    "healing goes on from its bookmark": Guard(
        "shared/resilience/follow_mappings.py",
        "            await progress.put(name, bookmark)\n        if rows and not second:",
        "        if rows and not second:",
        f"{HEALING}a_change_that_concerns_many_accounts_ends_though_every_run_is_cut_off",
    ),
    "a scan has its bookmark before its rows": Guard(
        "shared/resilience/follow_mappings.py",
        "        await progress.put(name, bookmark)\n"
        "        await progress.control.put_handled(self.seen.table, rows)",
        "        await progress.control.put_handled(self.seen.table, rows)\n"
        "        await progress.put(name, bookmark)",
        f"{HEALING}a_run_that_is_cut_off_anywhere_is_continued_where_it_was",
    ),
    "the second scan waits for the deadline": Guard(
        "shared/resilience/follow_mappings.py",
        "progress.clock.now() < bookmark.at + self.cache + self.deadline:",
        "progress.clock.now() < bookmark.at + self.cache:",
        f"{HEALING}the_second_scan_waits_for_messages_that_may_still_use_the_old_row",
    ),
    "healing sends little ahead": Guard(
        "shared/resilience/follow_mappings.py",
        "(bookmark.due is None or bookmark.due <= now + _AHEAD)",
        "True",
        f"{HEALING}checks_are_spread_and_no_more_are_sent_than_become_due_within_minutes",
    ),
    "Operations in trouble is not asked by healing": Guard(
        "shared/resilience/release_parked.py",
        "return run.may_ask and await",
        "return await",
        f"{HEALING}operations_is_not_asked_while_it_is_paused_or_its_breaker_is_open",
    ),
    "a fault of Operations does not end healing": Guard(
        "shared/resilience/release_parked.py",
        "            if fault.system is not self.erp:",
        "            if True:",
        f"{HEALING}a_fault_of_operations_leaves_the_issues_in_step",
    ),
    "after a change every parked account is read": Guard(
        "shared/resilience/heal.py",
        "if any([await follow.compare(progress) for follow in self.follow]):",
        "if any([await follow.compare(progress) for follow in self.follow]) and False:",
        f"{HEALING}a_parked_account_behind_many_others_is_released_at_once",
    ),
    "a customer is followed only once its old number is free": Guard(
        "shared/sync/linking.py",
        "    if facts.seen[old.folded] is not None:\n",
        "    if False:\n",
        f"{REMEDIES}key_changed_stays_while_the_customer_stands_under_its_old_number",
    ),
    "a customer that is followed is judged": Guard(
        "shared/sync/linking.py",
        "not (renamed or _may_adopt(rules, body, found))",
        "False",
        f"{REMEDIES}key_changed_never_follows_to_the_customer_of_a_stranger",
    ),
    "the old number is noted before it is given up": Guard(
        "shared/sync/execute.py",
        "await work.claim(self._until(), old)",
        "work.state = replace(work.state, intent=old)",
        f"{REMEDIES}key_changed_renamed_in_operations_whatever_step_the_worker_dies_at",
    ),
    "only a deleted account is succeeded": Guard(
        "shared/sync/ownership.py",
        "stored is not None and stored.state.deleted and stored.state.settled",
        "stored is not None",
        f"{REMEDIES}the_customer_of_an_account_that_lives_is_never_passed_on",
    ),
    "the customer of a deleted account is judged": Guard(
        "shared/sync/linking.py",
        "        if found is not None and not _may_adopt(rules, body, found):\n",
        "        if False:\n",
        f"{REMEDIES}the_customer_of_a_deleted_account_is_judged_as_any_that_exists",
    ),
    "a block that is taken over is noted first": Guard(
        "shared/sync/execute.py",
        "await self._claim(work, body)  # or a crash would leave the block for good",
        "pass",
        f"{REMEDIES}number_taken_succession_whatever_step_the_worker_dies_at",
    ),
    "who waits for a number is told when it is given up": Guard(
        "shared/sync/ownership.py",
        "            await self._check(waiting.accounts, change)\n",
        "",
        f"{REMEDIES}number_taken_heals_itself_once_the_other_creation_came_to_nothing",
    ),
    "who waits for a number is told when its owner is deleted": Guard(
        "shared/sync/pipeline.py",
        "await self.execute.ownership.tell(customer, work.change)",
        "pass",
        f"{REMEDIES}number_taken_after_delete_and_create_under_the_same_number",
    ),
    "no unlinking while an outcome is unknown": Guard(
        "shared/resilience/unlink.py",
        "if state.unknown_until is not None and now < state.unknown_until:",
        "if False:",
        f"{REMEDIES}unlink_refuses_while_an_outcome_is_unknown",
    ),
    "no unlinking under another's lease": Guard(
        "shared/resilience/unlink.py",
        "        if state.lease is not None:\n",
        "        if False:\n",
        f"{REMEDIES}unlink_refuses_while_a_worker_holds_the_account",
    ),
    "unlinking holds the account": Guard(
        "shared/resilience/unlink.py",
        "intent=key, lease=Lease(uuid4(), now + _LEASE)",
        "",
        f"{REMEDIES}a_worker_waits_while_its_account_is_unlinked",
    ),
    "hop in the message id": Guard(
        "shared/model/change.py",
        "hop=self.hop + 1",
        "hop=self.hop",
        f"{PIPELINE}a_transient_fault_ends_in_a_copy_and_the_right_customer",
    ),
    "three refusals are the system's": Guard(
        "shared/model/breaker.py",
        ">= REFUSED_ACCOUNTS",
        ">= 1000",
        f"{REFUSALS}refusals_are_counted_over_all_instances",
    ),
    "refusals of different accounts": Guard(
        "shared/model/breaker.py",
        "and (old.way, old.account_id) != (new.way, new.account_id)",
        "",
        f"{REFUSALS}refusals_that_prove_nothing_open_no_breaker",
    ),
    "refusals of the same way": Guard(
        "shared/model/breaker.py",
        "return sum(refusal.way == way for",
        "return sum(True for",
        f"{REFUSALS}refusals_that_prove_nothing_open_no_breaker",
    ),
    "refusals within ten minutes": Guard(
        "shared/model/breaker.py",
        "new.at - old.at < _REFUSED_WITHIN",
        "True",
        f"{REFUSALS}refusals_that_prove_nothing_open_no_breaker",
    ),
    "no success between refusals": Guard(
        "shared/model/breaker.py",
        "old.operation != operation or old.at > at",
        "True",
        f"{REFUSALS}a_success_between_says_that_the_refusals_are_the_accounts_own",
    ),
    "a success of the same operation": Guard(
        "shared/model/breaker.py",
        "old.operation != operation or old.at > at",
        "old.at > at",
        f"{REFUSALS}a_success_of_another_operation_proves_nothing",
    ),
    "a success between that is known late": Guard(
        "shared/model/breaker.py",
        "same and (between or probing)",
        "same and probing",
        f"{REFUSALS}a_success_between_that_becomes_known_late_closes_the_breaker_again",
    ),
    "a probe tells rows from systems": Guard(
        "shared/resilience/circuit_breaker.py",
        "if closed and (trouble :=",
        "if False and (trouble :=",
        f"{REFUSALS}a_refusal_is_the_systems_at_once_if_its_probe_fails_too",
    ),
    "what is refused while the breaker is open waits": Guard(
        "shared/resilience/refusals.py",
        "            if breaker.open_until is not None:\n                return breaker\n",
        "",
        f"{REFUSALS}of_many_at_work_at_once_no_more_than_three_are_parked",
    ),
    "a parked account probes": Guard(
        "shared/resilience/circuit_breaker.py",
        "        if breaker.refused:\n",
        "        if False:\n",
        f"{REFUSALS}only_a_parked_account_probes_what_refusals_opened",
    ),
    "the probing account is let through": Guard(
        "shared/resilience/circuit_breaker.py",
        "if breaker.open_until is None or breaker.is_probed_by(account_id, now):",
        "if breaker.open_until is None:",
        f"{REFUSALS}{LOST_UPDATE}",
    ),
    "a refused probe opens the breaker again": Guard(
        "shared/resilience/refusals.py",
        "                return breaker.opened(now, self._wait, breaker.reason)\n",
        "                return breaker.closed(now)\n",
        f"{REFUSALS}{LOST_UPDATE}",
    ),
    "what refusals parked is checked in the end": Guard(
        "shared/resilience/refusals.py",
        "            if not breaker.is_probed_by(parked, self._clock.now()):\n",
        "            if False:\n",
        f"{REFUSALS}{LOST_UPDATE}",
    ),
    "a probe that proves nothing gives way": Guard(
        "shared/resilience/refusals.py",
        "                better = breaker.without(account_id, now)\n",
        "                pass\n",
        f"{REFUSALS}an_account_that_probes_and_proves_nothing_gives_way_to_the_next",
    ),
    "what waits for a breaker is spread": Guard(
        "shared/sync/pipeline.py",
        "timedelta(seconds=self.jitter(wait.spread))",
        "timedelta(0)",
        f"{RECOVERY}what_waits_for_a_breaker_does_not_come_back_all_at_once",
    ),
    "a wait does not grow with the outage": Guard(
        "shared/resilience/circuit_breaker.py",
        "max(_LEAST_SPREAD, _SPREAD * (until - now).total_seconds())",
        "max(_LEAST_SPREAD, 10 * sum(breaker.trips for breaker in self._shared.known))",
        f"{RECOVERY}two_thousand_messages_that_waited_a_day_drain_as_fast_as_operations_answers",
    ),
    "an account's fault is an answer of the system": Guard(
        "shared/resilience/circuit_breaker.py",
        "            self._note(system, failed=False)  # the system answered, if only that it will not\n",
        "",
        f"{RECOVERY}an_account_that_is_refused_shows_that_the_system_answers",
    ),
    "what is known without a question is no answer of the system": Guard(
        "shared/resilience/circuit_breaker.py",
        "        if not remembered:\n",
        "        if True:\n",
        f"{TABLES}an_outage_is_noticed_although_codes_are_known_without_a_question",
    ),
    "a load sends checks before it writes the checkpoint": Guard(
        "shared/load/first_load.py", f"{SENT}{CHECKPOINT}", f"{CHECKPOINT}{SENT}", f"{LOAD}{DIES}"
    ),
    "a page whose checkpoint is written sends the next one again": Guard(
        "shared/load/first_load.py",
        "due.page in {run.page, run.page - 1}",
        "due.page == run.page",
        f"{LOAD}{DIES}",
    ),
    "a load's checkpoint is written under its ETag": Guard(
        "shared/load/first_load.py",
        "encode_load(run), etag)",
        "encode_load(run), (await self.runs.read(RunKind.LOAD)).etag)",
        f"{LOAD}who_pauses_while_a_page_is_under_way_is_heard_and_nothing_is_lost",
    ),
    "a page of a load leaves the queue room for events": Guard(
        "shared/load/first_load.py",
        "return self.pace.bound - waiting,",
        "return self.pace.bound,",
        f"{LOAD}a_load_waits_while_changes_wait_be_they_active_or_scheduled",
    ),
    "a load leaves each partition room for events": Guard(
        "shared/load/choose.py",
        "range(waiting[partition], pace.per_partition)",
        "range(pace.per_partition)",
        f"{LOAD}no_partition_gets_more_checks_than_it_may_have",
    ),
    "a related change sends checks before its next page": Guard(
        "shared/load/related.py",
        CHECKED,
        f"""        if walk.held or not walk.walked:
            await self.pages.send(due.following(walk))
{CHECKED}""",
        f"{RELATED}a_page_that_is_repeated_with_less_room_loses_nothing",
    ),
    "a page of a related change that is repeated sends the same checks": Guard(
        "shared/model/related.py",
        "return uuid5(self.change.id, account_id.hex)",
        "return __import__('uuid').uuid4()",
        f"{RELATED}a_crash_at_every_step_loses_nothing",
    ),
    "an event of a related row that comes twice is one walk": Guard(
        "shared/model/page.py",
        "run=change.id.hex",
        "run=__import__('uuid').uuid4().hex",
        f"{RELATED}an_event_that_comes_twice_is_one_walk_and_two_events_are_two",
    ),
    "related changes together leave the queue room": Guard(
        "shared/load/room.py",
        "return self._bound - self._counted",
        "return self._bound",
        f"{RELATED}many_related_changes_and_a_load_all_end",
    ),
    "a check of a related change is not judged by the account's version": Guard(
        "shared/sync/freshness.py",
        "    if state.lease is not None and state.lease.until > now:\n",
        "    if change.source is Source.RELATED and state.version is not None and state.settled:\n"
        "        return Covered()\n"
        "    if state.lease is not None and state.lease.until > now:\n",
        f"{RELATED}a_contact_with_five_accounts",
    ),
    "a related change begins no account": Guard(
        "shared/sync/freshness.py",
        "return Covered() if change.source is Source.RELATED else Proceed()",
        "return Proceed()",
        f"{RELATED}an_account_that_was_never_checked_is_left_to_its_own_event_or_a_load",
    ),
    "a load waits for a breaker": Guard(
        "shared/load/first_load.py",
        "if (wait := await self.breakers.admit()) is not None:",
        "if (wait := None) is not None:",
        f"{LOAD}a_load_waits_while_a_system_is_paused_and_counts_no_failure",
    ),
    "resume sends a page that the broker has not seen": Guard(
        "shared/model/load.py",
        "page=self.page + _RESUMED,",
        "page=self.page,",
        f"{LOAD}resume_sends_a_page_that_the_broker_has_seen_already",
    ),
    "resume leaves the pages before it behind": Guard(
        "shared/model/load.py",
        "page=self.page + _RESUMED,",
        "page=self.page + 1,",
        f"{LOAD}a_page_from_before_a_pause_starts_no_second_chain",
    ),
    "a check over the load's limit waits": Guard(
        "shared/resilience/load_limit.py",
        "raise NotYet(self.clock.now() + _WAIT, ",
        "raise AccountFault(Problem(Cause.GUARD_TRIPPED)) or NotYet(self.clock.now(), ",
        f"{LOAD}at_its_limit_a_load_pauses_parks_nothing_and_goes_on_with_a_higher_one",
    ),
    "a load pauses at its limit": Guard(
        "shared/resilience/load_limit.py",
        "await self._pause(run)\n",
        "pass\n",
        f"{LOAD}at_its_limit_a_load_pauses_parks_nothing_and_goes_on_with_a_higher_one",
    ),
    "a load's creations are not counted by the hour": Guard(
        "shared/resilience/change_limits.py",
        'return kind == "creates" and change.source is Source.LOAD',
        "return False",
        f"{LOAD}the_creations_of_a_load_leave_the_hours_ceiling_to_events",
    ),
    "breakers that hang are not waited for": Guard(
        "shared/resilience/shared_breakers.py",
        "            self._read_at = now  # also after a fault: the next messages do not read again\n",
        "",
        f"{RECOVERY}a_table_service_that_hangs_is_asked_once_and_keeps_no_message",
    ),
    "the deadline names the system": Guard(
        "shared/sync/pipeline.py",
        "TransientFault(run.waits_for, ",
        "TransientFault(System.OPERATIONS, ",
        f"{RECOVERY}a_message_past_its_deadline_is_counted_on_the_system_that_it_waited_for",
    ),
    "a difference is confirmed by the version that was compared": Guard(
        "shared/load/compare.py",
        "if _version(facts.account) != _version(one.account):",
        "if False:",
        f"{RECONCILE}a_difference_is_found_again_before_it_is_reported",
    ),
    "a change in the queue is no difference yet": Guard(
        "shared/load/differences.py",
        "return not known and changed_at is not None and changed_at > recent",
        "return False",
        f"{RECONCILE}an_account_in_work_is_counted_and_not_reported",
    ),
    "the owner row decides which of two accounts has the customer": Guard(
        "shared/load/differences.py",
        "if linked and owner is not None and owner != account_id:",
        "if False:",
        f"{RECONCILE}every_kind_is_found_and_what_a_check_puts_right_is_gone_after_the_repair",
    ),
    "a walk that comes round is noticed": Guard(
        "shared/load/reconcile.py",
        "if comes_round(run, compared):",
        "if False:",
        f"{RECONCILE}a_walk_that_comes_round_is_stopped",
    ),
    "the message of the next page is sent again": Guard(
        "shared/load/reconcile.py",
        "if page.page == run.page - 1:",
        "if False:",
        f"{RECONCILE}a_run_goes_on_though_the_bus_refused_the_message_of_the_next_page",
    ),
    "a page that takes too long ends earlier": Guard(
        "shared/load/compare.py",
        "if verdicts and self.decide.clock.now() > end:",
        "if False:",
        f"{RECONCILE}a_page_that_takes_too_long_ends_earlier_and_the_next_goes_on",
    ),
}


TESTS = sorted({guard.test for guard in GUARDS.values()})


@pytest.fixture(scope="module")
def tests() -> Iterator[Runner]:
    yield from runner(TESTS)


@pytest.mark.parametrize("file", sorted({test.partition("::")[0] for test in TESTS}))
def test_with_every_guard_in_place_these_tests_pass(
    tests: Runner, request: pytest.FixtureRequest, file: str
) -> None:
    """One test of each file shows that tests pass in a fork; what this session runs is not repeated."""
    *others, shown = [test for test in TESTS if test.startswith(f"{file}::")]
    known = [item.nodeid for item in request.session.items]
    repeated = [test for test in others if not any(is_case_of(nodeid, test) for nodeid in known)]
    assert [test for test in [*repeated, shown] if not tests.passes(test)] == []


@pytest.mark.parametrize("name", GUARDS)
def test_without_the_guard_its_test_fails(tests: Runner, name: str) -> None:
    guard = GUARDS[name]
    whole = (ROOT / guard.file).read_text(encoding="utf-8")
    assert whole.count(guard.text) == 1, "the guard stands where it is said to stand"
    assert not tests.passes(guard.test, Mutation(guard.file, guard.text, guard.instead))
