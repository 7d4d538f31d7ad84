"""The entry point of the Azure Functions app: registers the functions, and nothing else."""

import azure.functions as func

from shared.environment import load_settings
from shared.functions import console, events, heal, health, prepare, sync

load_settings()  # a wrong setting stops the start, with one message that names it

app = func.FunctionApp()
for blueprint in (events.blueprint, sync.blueprint, heal.blueprint, health.blueprint, console.blueprint):
    app.register_functions(blueprint)

prepare.begin()
