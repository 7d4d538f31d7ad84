# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""`health`: reports whether the app runs and, with the key, whether each outside system answers."""

import json

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("health")
@blueprint.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Answer 200 while the app runs. More than that is only for callers that send the key."""
    from shared.wiring import application

    key = req.headers.get("x-functions-key") or req.params.get("code")
    wanted = {name: req.params.get(name) == "1" for name in ("probe", "doctor")}
    report = await application().health.report(key, **wanted)
    return func.HttpResponse(
        json.dumps(report), mimetype="application/json", headers={"Cache-Control": "no-store"}
    )
