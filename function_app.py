"""The entry point of the Azure Functions app: registers the functions, and nothing else."""

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
