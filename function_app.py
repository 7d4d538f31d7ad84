"""The entry point of the Azure Functions app: registers the functions, and nothing else."""

import gc

gc.disable()  # what a start loads stays: to search it for garbage is a twentieth of the start

import azure.functions as func

from shared.environment import load_settings
from shared.functions import (
    catch_up,
    console,
    doctor,
    events,
    heal,
    health,
    load_page,
    nightly,
    prepare,
    sync,
)

load_settings()  # a wrong setting stops the start, with one message that names it

app = func.FunctionApp()
for module in (events, sync, load_page, heal, catch_up, nightly, doctor, health, console):
    app.register_functions(module.blueprint)

prepare.begin()
